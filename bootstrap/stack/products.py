"""Images that keep data, by their name: which kind they are, and the folder that the image declares as a volume."""

from __future__ import annotations

import re

POSTGRES = frozenset({"postgres", "postgis", "pgvector", "timescaledb"})
DATABASES = POSTGRES | {
    *("postgresql", "mysql", "mariadb", "percona", "mongo", "mongodb", "couchdb", "influxdb", "cassandra", "neo4j"),
}
BROKERS = frozenset({"rabbitmq", "redis", "valkey", "memcached", "kafka", "nats", "mosquitto", "emqx"})
_BEFORE_18, _SINCE_18 = "/var/lib/postgresql/data", "/var/lib/postgresql"
_FOLDERS = {
    "postgres": _BEFORE_18,
    "postgis": _BEFORE_18,
    "pgvector": _BEFORE_18,
    "timescaledb": _BEFORE_18,
    **dict.fromkeys(("mysql", "mariadb", "percona"), "/var/lib/mysql"),
    "mongo": "/data/db",
    "couchdb": "/opt/couchdb/data",
    "cassandra": "/var/lib/cassandra",
    "neo4j": "/data",
    "rabbitmq": "/var/lib/rabbitmq",
}
# who writes there: the image's own user
_USERS = {
    **dict.fromkeys((*POSTGRES, "mysql", "mariadb", "mongo", "rabbitmq", "redis", "valkey"), 999),
    **{"percona": 1001, "couchdb": 5984, "neo4j": 7474, "cassandra": 999, "grafana": 472, "prometheus": 65534},
    **{"elasticsearch": 1000, "opensearch": 1000, "nextcloud": 33, "wordpress": 33, "drupal": 33, "minio": 0},
}
# Alpine gives other numbers
_ALPINE = {**dict.fromkeys(POSTGRES, 70), "rabbitmq": 100}
# what its users put there, in a volume that the image declares
_CONTENT = {
    **dict.fromkeys(("wordpress", "nextcloud"), "/var/www/html"),
    **{
        "ghost": "/var/lib/ghost/content",
        "gitea": "/data",
        "drupal": "/var/www/html/sites",
        "jenkins": "/var/jenkins_home",
    },
    **{"grafana": "/var/lib/grafana", "prometheus": "/prometheus", "registry": "/var/lib/registry"},
}
# what is mounted there is a database's, whatever the image is called; `/data` may be anything
TELLING_FOLDERS = frozenset({*_FOLDERS.values(), _SINCE_18} - {"/data"})
_SERVERS = re.compile(
    r"(?:.*/)?(?:docker-entrypoint\.sh|postgres|mysqld\w*|mariadbd\w*|mongod|rabbitmq-server|neo4j|cassandra)"
)


def product_of(image: str) -> str:
    """`ghcr.io/library/postgres:16@sha256:…` is postgres."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def volume_of(image: str) -> str | None:
    """Where an image of this name keeps its data, and declares a volume; None when that is not known."""
    product = product_of(image)
    if product in ("postgres", "postgis", "pgvector") and (version := _postgres_version(image)) and version >= 18:
        return _SINCE_18
    return _FOLDERS.get(product)


def content_of(image: str) -> str | None:
    return _CONTENT.get(product_of(image))


def default_folder(image: str) -> str | None:
    """The folder itself, which lies in that volume."""
    home = volume_of(image)
    return f"{home}/{_postgres_version(image)}/docker" if home == _SINCE_18 else home


def user_of(image: str) -> int | None:
    """The uid that owns its data; None when that is not known."""
    product = product_of(image)
    return (_ALPINE.get(product) if "alpine" in image else None) or _USERS.get(product)


def is_server(command: str) -> bool:
    """The first word of a service's command: a client of the same image keeps nothing."""
    return not command or command.startswith("-") or _SERVERS.fullmatch(command) is not None


def _postgres_version(image: str) -> int | None:
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = re.match(r"(?:.*\bpg)?(\d+)", tag)
    return int(found[1]) if found else None
