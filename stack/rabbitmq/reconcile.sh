#!/bin/bash
# Makes the administrator of a kept volume agree with the container's environment. Idempotent; the password goes
# through stdin, as argv is public. rabbitmqctl reads stdin only when it gets the user and not one option more.
set -euo pipefail

user=$RABBITMQ_DEFAULT_USER
with_password() { rabbitmqctl "$1" "$user" <<<"$RABBITMQ_DEFAULT_PASS" >/dev/null; }

# Asked by HTTP: each rabbitmqctl starts an Erlang machine, half a second of a processor.
is_known() {
  local answer credentials
  credentials=$(printf '%s:%s' "$user" "$RABBITMQ_DEFAULT_PASS" | base64 --wrap=0)
  { exec 3<>/dev/tcp/127.0.0.1/15672; } 2>/dev/null || return 1
  printf 'GET /api/whoami HTTP/1.0\r\nAuthorization: Basic %s\r\n\r\n' "$credentials" >&3
  read -r answer <&3
  exec 3>&-
  [[ $answer == *' 200 '* ]]
}

if is_known; then
  exit 0
fi
with_password change_password 2>/dev/null || with_password add_user
rabbitmqctl --quiet set_user_tags "$user" administrator
rabbitmqctl --quiet set_permissions "$user" '.*' '.*' '.*'
with_password authenticate_user
