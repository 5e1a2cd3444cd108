"""The account that PostgreSQL's image makes agrees with .env.production, of whatever age its data are.

The image reads POSTGRES_PASSWORD once, when it makes its folder: with other data or another password its services would
be turned away. Asked over the network, as they ask; changed through the server's own socket, where the image trusts
itself.
"""

from __future__ import annotations

from bootstrap_agent.compose import Compose
from bootstrap_agent.run import last_line, note

# The password is never an argument: psql takes it from the environment, and from a shell of its own.
SCRIPT = r"""
set -eu
user=${POSTGRES_USER:-postgres} password=${POSTGRES_PASSWORD:-}
[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
[ -n "$password" ] || exit 0
export BOOTSTRAP_USER=$user BOOTSTRAP_PASSWORD=$password
address=$(hostname -i | cut -d' ' -f1)
ask() { psql --no-psqlrc --quiet --no-password --set=ON_ERROR_STOP=1 --username="$user" --dbname=postgres "$@"; }
if PGPASSWORD=$password ask --host="$address" --command='' >/dev/null 2>&1; then exit 0; fi
ask <<'SQL'
\set user `printf %s "$BOOTSTRAP_USER"`
\set password `printf %s "$BOOTSTRAP_PASSWORD"`
SET log_statement = 'none';
ALTER ROLE :"user" PASSWORD :'password';
SQL
echo changed
"""


def agree(compose: Compose, service: str) -> None:
    """A server that does not trust itself keeps what it has: then the stack's own `reconcile` is there for it."""
    done = compose.run("exec", "-T", service, "sh", "-c", SCRIPT, check=False, what=f"reconcile {service}")
    if done.code != 0:
        note(f"{service}: its password was not compared with .env.production: {last_line(done.err, done.out)}")
    elif "changed" in done.out:
        note(f"{service}: its password is that of .env.production again")
