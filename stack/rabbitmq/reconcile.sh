#!/bin/bash
# Makes the administrator of a kept volume agree with the container's environment. Idempotent; the password goes
# through stdin, as argv is public. rabbitmqctl reads stdin only when it gets the user and not one option more.
set -euo pipefail

user=$RABBITMQ_DEFAULT_USER
with_password() { rabbitmqctl "$1" "$user" <<<"$RABBITMQ_DEFAULT_PASS" >/dev/null; }

if with_password authenticate_user 2>/dev/null; then
  exit 0
fi
with_password change_password 2>/dev/null || with_password add_user
rabbitmqctl --quiet set_user_tags "$user" administrator
rabbitmqctl --quiet set_permissions "$user" '.*' '.*' '.*'
with_password authenticate_user
