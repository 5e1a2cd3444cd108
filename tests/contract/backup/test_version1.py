"""The way back of what releases up to 0.2.0 made, with PostgreSQL and an object store that are real. On a droplet, with
all five databases of the ticket system: tests/rehearsal/test_backup.py, `-m long`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256

import pytest

from bootstrap_agent.backup import version1
from bootstrap_agent.backup.database import COUNT, Database
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import Manifest
from tests.contract.backup.conftest import ENVIRONMENT, NAMES, Deployed, X

pytestmark = pytest.mark.root

ID = "20251124_020000"
INSERT = "INSERT INTO numbered (said) VALUES ('{}') RETURNING id"


@pytest.fixture
def site(deployed: Deployed) -> Iterator[Deployed]:
    """Each database has rows that were given a number."""
    for name, owner in NAMES.items():
        deployed.postgres.sql("postgres", f"CREATE ROLE {owner}")
        deployed.postgres.sql(name, "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, said text)")
        add(deployed, name, "kept")
    yield deployed
    for name, owner in NAMES.items():
        deployed.postgres.sql(name, "DROP TABLE numbered")
        deployed.postgres.sql("postgres", f"ALTER DATABASE {name} OWNER TO postgres; DROP ROLE {owner}")


def add(site: Deployed, database: str, said: str) -> int:
    return int(site.postgres.sql(database, INSERT.format(said)))


def of_version_1(site: Deployed) -> Manifest:
    """A dump of each database by itself, gzip, in the clear."""
    parts = {}
    for name in NAMES:
        stored = gzip.compress(site.postgres.run("pg_dump", f"--dbname={name}").encode())
        rows = dict(map(json.loads, site.postgres.sql(name, COUNT).splitlines()))
        key = f"{site.store.prefix}postgres_backup_{ID}_{name}.sql.gz"
        site.store.put(key, stored)
        parts[name] = {"key": key, "size": len(stored), "sha256": sha256(stored).hexdigest(), "rows": rows}
    manifest = {"version": 1, "id": ID, "kind": "database", "created_at": "2025-11-24T02:00:00Z"}
    manifest |= {"databases": parts, "media": None, "release": "bootstrap-ticket-tracking-20260101"}
    site.store.put(f"{site.store.prefix}manifest_{ID}.json", json.dumps(manifest).encode())
    return site.store.manifest(ID)


def restore(site: Deployed, found: Manifest) -> None:
    assert X.databases
    database = Database(site.compose, X.databases, ENVIRONMENT)
    version1.stage_databases(site.store, database, NAMES, found.databases)
    database.swap(list(found.databases))


def test_it_comes_back_and_no_number_is_given_out_twice(site: Deployed) -> None:
    found = of_version_1(site)
    last = {name: max(add(site, name, "since"), add(site, name, "since")) for name in NAMES}
    restore(site, found)
    for name in NAMES:
        assert site.postgres.sql(name, "SELECT string_agg(said, ',') FROM numbered") == "kept"
        assert add(site, name, "after") > last[name]
    left = site.postgres.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname ~ '_re(store|placed)$'")
    assert left == "0"


def test_what_is_damaged_replaces_nothing(site: Deployed) -> None:
    found = of_version_1(site)
    key = found.databases["ticket_db"].key
    whole = b"".join(site.store.chunks(key))
    site.store.put(key, whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
    add(site, "ticket_db", "since")
    with pytest.raises(BackupError, match=f"object {key} is damaged"):
        restore(site, found)
    for name in NAMES:
        said = site.postgres.sql(name, "SELECT string_agg(said, ',' ORDER BY id) FROM numbered")
        assert said == ("kept,since" if name == "ticket_db" else "kept")
