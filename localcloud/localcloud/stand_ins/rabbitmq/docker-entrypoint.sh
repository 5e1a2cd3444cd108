#!/bin/bash
# The contract of the official image's entry point. RabbitMQ itself reads RABBITMQ_DEFAULT_{USER,PASS,VHOST}.
set -euo pipefail

if [[ "$1" == rabbitmq* ]] && [ "$(id -u)" = 0 ]; then
    if [ "$1" = rabbitmq-server ]; then
        find /var/lib/rabbitmq \! -user rabbitmq -exec chown rabbitmq '{}' +
    fi
    exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups -- "$0" "$@"
fi

# one cookie for the server and for the tools that `docker exec` starts
cookie=/var/lib/rabbitmq/.erlang.cookie
if [ -n "${RABBITMQ_ERLANG_COOKIE:-}" ] && [ ! -e "$cookie" ]; then
    (umask 077 && printf '%s' "$RABBITMQ_ERLANG_COOKIE" >"$cookie")
fi
unset RABBITMQ_ERLANG_COOKIE
exec "$@"
