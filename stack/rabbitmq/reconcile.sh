#!/bin/bash
# Makes the broker of a kept volume agree with the container's environment: its administrator, the queues, and one user
# for each service, who may use no more than its own. Idempotent; passwords go through sockets and stdin, as argv is
# public. By HTTP where that can be: each rabbitmqctl starts an Erlang machine, half a second of a processor.
set -euo pipefail
export LC_ALL=C # lengths are bytes
PATIENCE_S=60

user=$RABBITMQ_DEFAULT_USER
credentials=$(printf '%s:%s' "$user" "$RABBITMQ_DEFAULT_PASS" | base64 --wrap=0)
# rabbitmqctl reads stdin only when it gets the user and not one option more
with_password() { rabbitmqctl "$1" "$user" <<<"$RABBITMQ_DEFAULT_PASS" >/dev/null; }

# METHOD PATH [BODY] → the status line of the answer
ask() {
  local body=${3-} answer
  exec 3<>/dev/tcp/127.0.0.1/15672
  printf '%s %s HTTP/1.0\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "$credentials" "${#body}" "$body" >&3
  read -r answer <&3
  exec 3>&-
  echo "$answer"
}

must() {
  local answer
  answer=$(ask "$@")
  [[ $answer == *' 20'[0-9]' '* ]] || { echo "$1 $2: ${answer%$'\r'}" >&2; exit 1; }
}

# it listens a moment after the broker does
until { exec 3<>/dev/tcp/127.0.0.1/15672; } 2>/dev/null; do
  ((SECONDS < PATIENCE_S)) || { echo "no answer on port 15672 within $PATIENCE_S s" >&2; exit 1; }
  sleep 0.2
done
exec 3>&-

if [[ $(ask GET /api/whoami) != *' 200 '* ]]; then
  with_password change_password 2>/dev/null || with_password add_user
  rabbitmqctl --quiet set_user_tags "$user" administrator
  rabbitmqctl --quiet set_permissions "$user" '.*' '.*' '.*'
  with_password authenticate_user
fi

# before anybody can log in who would publish: no event comes before its queue
must POST /api/definitions "$(</etc/bootstrap/topology.json)"

quoted() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# SERVICE PASSWORD WRITE READ TOPICS: patterns of what it publishes to and consumes, and of its events' topics
service() {
  must PUT "/api/users/$1" "{\"password\": $(quoted "$2"), \"tags\": \"\"}"
  must PUT "/api/permissions/%2F/$1" "{\"configure\": \"^\$\", \"write\": $(quoted "$3"), \"read\": $(quoted "$4")}"
  must PUT "/api/topic-permissions/%2F/$1" "{\"exchange\": \"events\", \"write\": $(quoted "$5"), \"read\": \"^\$\"}"
}

service auth-service "$AUTH_BROKER_PASSWORD" '^events$' '^$' '^account\.'
service ticket-service "$TICKET_BROKER_PASSWORD" '^(events|retry-ticket-events)$' '^ticket-events$' '^ticket\.'
service workflow-api "$WORKFLOW_BROKER_PASSWORD" '^(events|retry-workflow-events)$' '^workflow-events$' '^workflow\.'
service messaging-service "$MESSAGING_BROKER_PASSWORD" '^events$' '^$' '^comment\.'
service notification-service "$NOTIFICATION_BROKER_PASSWORD" '^retry-notification-events$' '^notification-events$' '^$'
