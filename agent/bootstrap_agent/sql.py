"""A short question to PostgreSQL in its container, as the superuser; what a backup needs is in `backup/database.py`."""

from __future__ import annotations

from collections.abc import Mapping

from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import HostError
from bootstrap_agent.contract.stack import Databases

# rows that anything wrote, catalogs among them: a change of the schema is one of rows there
WRITTEN = "SELECT sum(tup_inserted + tup_updated + tup_deleted) FROM pg_stat_database"


def ask(compose: Compose, databases: Databases, environment: Mapping[str, str], statement: str) -> str:
    user = f"--username={environment.get(databases.admin_user, 'postgres')}"
    psql = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", user, "--dbname=postgres"]
    what = f"psql in {databases.service}"
    answer = compose.execute(databases.service, [*psql, f"--command={statement}"], error=HostError, what=what)
    return answer.out.strip()
