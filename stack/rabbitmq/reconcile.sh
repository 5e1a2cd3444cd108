#!/bin/bash
# Makes the administrator of a kept volume agree with the container's environment. Idempotent; the password goes
# through stdin, as argv is public.
set -euo pipefail

user=$RABBITMQ_DEFAULT_USER
with_password() { rabbitmqctl --quiet "$@" <<<"$RABBITMQ_DEFAULT_PASS"; }

if with_password authenticate_user "$user" &>/dev/null; then
  exit 0
fi
with_password change_password "$user" &>/dev/null || with_password add_user "$user"
rabbitmqctl --quiet set_user_tags "$user" administrator
rabbitmqctl --quiet set_permissions "$user" '.*' '.*' '.*'
with_password authenticate_user "$user"
