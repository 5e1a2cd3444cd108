"""db-init/ on a real PostgreSQL: what a service's role finds, and that a second run changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INIT = Path(__file__).resolve().parents[3] / "stack" / "db-init"
sys.path.append(str(INIT.parent / "services"))
from common.tests.postgres import Postgres, binaries  # type: ignore[import-not-found]  # noqa: E402

pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL here")


@pytest.fixture
def postgres() -> Iterator[Any]:
    server = Postgres(binaries())
    yield server
    server.remove()


def test_the_search_has_its_extension_and_nobody_gets_more_rights_by_it(postgres: Any) -> None:
    files = sorted(INIT.glob("0*.sql"))
    passwords = dict.fromkeys(re.findall(r"getenv password (\w+)", "".join(f.read_text() for f in files)), "secret")
    env = {"PATH": os.environ["PATH"], "POSTGRES_USER": "postgres", "PGUSER": "postgres", "PGDATABASE": "postgres"}
    env |= {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), **passwords}

    def psql(*argv: str) -> str:
        command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--tuples-only", "--no-align", *argv]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    for _ in range(2):
        psql(*(f"--file={path}" for path in files))
    assert psql("--dbname=ticket_db", "--command=SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'")
    assert psql("--command=SELECT rolname FROM pg_roles WHERE rolsuper") == "postgres"
    assert len(psql("--command=SELECT datname FROM pg_database WHERE datname LIKE '%_db'").splitlines()) == 5
