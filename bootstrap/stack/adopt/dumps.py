"""How known databases that are no PostgreSQL are dumped and restored: commands of their own images, with the password
of the container's own environment, which is in no argument."""

from __future__ import annotations

import re
from collections.abc import Collection

from bootstrap.stack.adopt.book import Book
from bootstrap.stack.compose_view import ServiceView

_MYSQL = ("mysql", "percona")
# every one that is a user's; as many as there are when it is dumped
_DATABASES = (
    "SELECT schema_name FROM information_schema.schemata "
    'WHERE schema_name NOT IN ("information_schema", "performance_schema", "mysql", "sys")'
)
# a question for each table
_COUNTS = (
    'SELECT CONCAT("SELECT ", QUOTE(CONCAT(table_schema, ".", table_name)), ", COUNT(*) FROM `", table_schema, "`.`", '
    'table_name, "`;") FROM information_schema.tables WHERE table_type = "BASE TABLE" '
    'AND table_schema NOT IN ("information_schema", "performance_schema", "mysql", "sys")'
)
_PING = "db.adminCommand('ping').ok || quit(1)"


def adopt(book: Book, service: ServiceView, environment: Collection[str], taken: Collection[str]) -> None:
    """`environment` holds the names that the service is given; `taken` what PostgreSQL's databases are called."""
    known = None
    if service.product in (*_MYSQL, "mariadb"):
        known = _mysql(service.product, environment)
    elif service.product == "mongo":
        known = _mongo(environment)
    if known is None:
        what = "is no PostgreSQL, so its databases are in no backup; say how it is dumped: x-bootstrap.dumps"
        book.leave(f"services.{service.name}", what)
        return
    name = re.sub("[^a-z0-9_]", "_", service.name.lower()).lstrip("_")
    name = f"{name}_dump" if name in taken or name in ("", "media") else name
    why = "no PostgreSQL: dumped by its own program every night, and compared where it can be counted"
    # Compose reads a dollar as its own
    escaped = {what: [word.replace("$", "$$") for word in command] for what, command in known.items()}
    book.decide(("x-bootstrap", "dumps", name), {"service": service.name, **escaped}, why)


def _mysql(product: str, environment: Collection[str]) -> dict[str, list[str]] | None:
    """Over the network, where the server that a first start sets up with does not answer yet."""
    login = _login(environment)
    if login is None:
        return None
    user, password = login
    client, dump = ("mariadb", "mariadb-dump") if product == "mariadb" else ("mysql", "mysqldump")
    to = f"--host=127.0.0.1 --user={user}"
    ask = f"{client} {to} --batch --skip-column-names"
    # a user who is not root may neither read routines of others nor see positions of the log
    options = "--single-transaction --quick --no-tablespaces --add-drop-database"
    options += " --routines --events" if user == "root" else ""
    options += " --set-gtid-purged=OFF" if product in _MYSQL else ""
    return {
        "dump": _sh(password, f"exec {dump} {to} {options} --databases $({ask} --execute='{_DATABASES}')"),
        "restore": _sh(password, f"exec {client} {to}"),
        "ready": _sh(password, f"exec {ask} --execute='SELECT 1'"),
        "count": _sh(password, f"{ask} --execute='{_COUNTS}' | {ask}"),
    }


def _login(environment: Collection[str]) -> tuple[str, str] | None:
    """The account, and where the container's environment has its password."""
    for brand in ("MARIADB", "MYSQL"):
        for variable in (f"{brand}_ROOT_PASSWORD", f"{brand}_ROOT_PASSWORD_FILE"):
            if variable in environment:
                return "root", _value(variable)
    for brand in ("MARIADB", "MYSQL"):
        for variable in (f"{brand}_PASSWORD", f"{brand}_PASSWORD_FILE"):
            if variable in environment and f"{brand}_USER" in environment:
                return f'"${brand}_USER"', _value(variable)
        if {f"{brand}_ALLOW_EMPTY_PASSWORD", f"{brand}_ALLOW_EMPTY_ROOT_PASSWORD"} & set(environment):
            return "root", '""'
    return None


def _value(variable: str) -> str:
    return f'"$(cat "${variable}")"' if variable.endswith("_FILE") else f'"${variable}"'


def _sh(password: str, script: str) -> list[str]:
    return ["sh", "-c", f"export MYSQL_PWD={password}; {script}"]


def _mongo(environment: Collection[str]) -> dict[str, list[str]]:
    """The accounts of `admin` stay as they are: their passwords are those of .env.production."""
    to, host = "", '--host="$(hostname)"'
    if "MONGO_INITDB_ROOT_PASSWORD" in environment:
        # a file is not an argument; this one is a pipe
        to = ' --username="$MONGO_INITDB_ROOT_USERNAME" --authenticationDatabase=admin'
        to += ' --config=<(printf \'password: "%s"\\n\' "$MONGO_INITDB_ROOT_PASSWORD")'
    elif "MONGO_INITDB_ROOT_PASSWORD_FILE" in environment:
        to = ' --username="$(cat "$MONGO_INITDB_ROOT_USERNAME_FILE")" --authenticationDatabase=admin'
        to += ' --config=<(printf \'password: "%s"\\n\' "$(cat "$MONGO_INITDB_ROOT_PASSWORD_FILE")")'
    return {
        "dump": ["bash", "-c", f"exec mongodump --quiet --archive {host}{to}"],
        "restore": [
            "bash",
            "-c",
            f"exec mongorestore --quiet --archive --drop --nsExclude='admin.*' --nsExclude='config.*' {host}{to}",
        ],
        # images of before 5 have the older shell
        "ready": ["bash", "-c", f'exec "$(command -v mongosh || command -v mongo)" --quiet {host} --eval "{_PING}"'],
    }
