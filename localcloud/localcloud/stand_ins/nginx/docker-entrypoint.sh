#!/bin/sh
# The contract of the official image's entry point: what lies in /docker-entrypoint.d is run in order before nginx.
set -eu

say() { [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "$0: $*"; }

if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
    for script in /docker-entrypoint.d/*; do
        case $script in
            *.envsh)
                say "sourcing $script"
                # shellcheck source=/dev/null
                . "$script" ;;
            *.sh) say "launching $script"; "$script" ;;
        esac
    done
    say "configuration complete; ready for start up"
fi
exec "$@"
