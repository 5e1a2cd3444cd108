#!/bin/bash
# The contract of the official image's entry point: prepares an empty $PGDATA, then becomes the server.
set -euo pipefail

# NAME_FILE is an alternative to NAME: the secret then stands in a file
from_file() {
    local name=$1 file="${1}_FILE" default=${2:-}
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        echo "error: both $name and $file are set (but are exclusive)" >&2
        exit 1
    fi
    local value=${!name:-$default}
    [ -z "${!file:-}" ] || value=$(<"${!file}")
    export "$name=$value"
    unset "$file"
}

temporary_server() {
    pg_ctl -D "$PGDATA" -w "$1" -o "-c listen_addresses='' -p ${PGPORT:-5432}" -m fast >&2
}

run_sql() {
    psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --no-password "$@"
}

initialise() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        echo "Error: Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD" >&2
        exit 1
    fi
    local arguments
    read -ra arguments <<<"${POSTGRES_INITDB_ARGS:-}"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        --auth-host="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" --auth-local=trust "${arguments[@]}"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"

    export PGPASSWORD=$POSTGRES_PASSWORD
    temporary_server start
    if [ "$POSTGRES_DB" != postgres ]; then
        run_sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh)
                echo "$0: running $script"
                # as in the official image: executable scripts are run, others become part of this one
                # shellcheck source=/dev/null
                if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
            *.sql) echo "$0: running $script"; run_sql --dbname "$POSTGRES_DB" -f "$script" ;;
            *.sql.gz) echo "$0: running $script"; gunzip -c "$script" | run_sql --dbname "$POSTGRES_DB" ;;
            '/docker-entrypoint-initdb.d/*') ;;
            *) echo "$0: ignoring $script" ;;
        esac
    done
    temporary_server stop
    unset PGPASSWORD
    echo "PostgreSQL init process complete; ready for start up."
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA" /var/run/postgresql
        chmod 700 "$PGDATA"
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        chown postgres /var/run/postgresql
        exec setpriv --reuid postgres --regid postgres --init-groups -- env HOME=/var/lib/postgresql "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        from_file POSTGRES_PASSWORD
        from_file POSTGRES_USER postgres
        from_file POSTGRES_DB "$POSTGRES_USER"
        initialise
    fi
fi
exec "$@"
