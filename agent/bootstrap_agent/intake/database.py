"""A dump into an empty database beside the one in use, which it may replace in an instant."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from typing import IO

from bootstrap_agent.backup.database import Database, Session
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.stack import Databases
from bootstrap_agent.intake.script import adapted
from bootstrap_agent.intake.through import fed, peeked, through, unpacked

# what is written where nothing has been handed on: a format of pg_dump that is no stream, and other files
CUSTOM, TAR_AT, TAR = b"PGDMP", 257, b"ustar"
_SEQUENCES = r"""
SELECT format(
    'SELECT setval(%L, m) FROM (SELECT max(%I)::bigint AS m FROM %I.%I) AS t, %I.%I AS s
     WHERE m >= CASE WHEN s.is_called THEN s.last_value + 1 ELSE s.last_value END',
    format('%I.%I', sn.nspname, s.relname), a.attname, tn.nspname, t.relname, sn.nspname, s.relname)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 AND NOT q.seqcycle
JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p')
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) \gexec
"""


def load(name: str, pieces: Iterable[bytes], names: Databases, compose: Compose, database: Database) -> dict[str, int]:
    """Table → rows of what was loaded. Whatever fails leaves nothing; and a kill what the next one takes away."""
    staged = database.stage(name, names.names[name])
    try:
        with database.load(staged) as (psql, loaded):
            content = adapted(_sql(pieces, names.service, compose), names.names[name])
            # psql prints nothing: whoever feeds it need not read meanwhile
            with fed(psql, content) as feeding:
                feeding()
            loaded()
        with database.session(staged) as session:
            go_on(session)
            rows = session.count_rows()
        if not rows:
            raise BackupError(f"there is no table in what came for {name}", "is it a dump of pg_dump?")
        return rows
    except BaseException:
        database.drop(staged)
        raise


def go_on(session: Session) -> None:
    """No number is given out twice where rows came without their sequence; and the planner knows what came."""
    session.ask(_SEQUENCES)
    session.ask("ANALYZE;")


def _sql(pieces: Iterable[bytes], service: str, compose: Compose) -> Iterator[bytes]:
    """Plain as it is; of the custom format what the database's own pg_restore makes of it."""
    head, content = peeked(unpacked(pieces), TAR_AT + len(TAR))
    if head.startswith(CUSTOM):
        argv = ("pg_restore", "--no-owner", "--no-privileges", "--file=-")

        def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
            return compose.inside(service, *argv, stdin=subprocess.PIPE, stderr=errors)

        return through(start, "pg_restore", content)
    if head[TAR_AT:].startswith(TAR):
        raise BackupError("this is a tar file, and no dump that can be streamed", "pg_dump --format=custom DATABASE")
    if b"\0" in head:
        raise BackupError("this is neither SQL nor of pg_dump's custom format", "pg_dump --format=custom DATABASE")
    return content
