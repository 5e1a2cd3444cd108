"""A dump as SQL, made fit for a database of another owner: what names roles of the host where it was made is left out,
as all is loaded as the database's own role here. Pure.

Nothing within a row, a text or a function's body is touched: a line counts only where a statement begins. What psql
would take for more than SQL of one database is refused, read as psql reads it: it obeys a backslash wherever no text
is open. What a DO block does is the dump's own, as all that its functions will do here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.intake.place import Place, UnclearError

_NAME = rb'(?:"(?:[^"]|"")+"|[^\s;"]+)'
_FOREIGN = re.compile(
    rb"(?:ALTER [A-Z ]+ .* OWNER TO " + _NAME + rb";|GRANT .*;|REVOKE .*;|ALTER DEFAULT PRIVILEGES .*;"
    rb"|SET SESSION AUTHORIZATION .*;|RESET SESSION AUTHORIZATION;|COMMENT ON EXTENSION .*';"
    # of a newer psql than the one here may be; it guards against what is refused below
    rb"|\\(?:un)?restrict .*)\s*"
)
_EXTENSION = re.compile(rb"CREATE EXTENSION .*;\s*")
# another database, another role than the one that is to have it all, and texts that end elsewhere
_ELSEWHERE = re.compile(
    rb"""CREATE\s+(?:DATABASE|ROLE)\b|DISCARD\b|RESET\s+(?:ROLE\b|ALL\b|SESSION|"|U&)
    |SET\s+(?:(?:SESSION|LOCAL)\s+)?(?:ROLE\b|SESSION\s+AUTHORIZATION\b|SESSION_AUTHORIZATION\b|"|U&
    |STANDARD_CONFORMING_STRINGS\b(?!\s*(?:=|TO\b)\s*ON\s*\Z))""",
    re.IGNORECASE | re.VERBOSE,
)
_COPY = re.compile(rb"""COPY\s+(?!BINARY\s)(?:.*[\s)"])?FROM\s+STDIN\s*""", re.IGNORECASE | re.DOTALL)
# with rows whose end would be elsewhere
_ODD_COPY = re.compile(rb"COPY\b.*\bSTDIN\b", re.IGNORECASE | re.DOTALL)
_END_OF_COPY = re.compile(rb"\n\\\.\r?\n")


def adapted(pieces: Iterable[bytes], role: str) -> Iterator[bytes]:
    """The same script, to be run by a superuser who becomes `role`. BackupError for one of a whole cluster."""
    quoted = b'"' + role.replace('"', '""').encode() + b'"'
    yield b"SET ROLE " + quoted + b";\n"
    reader = _Reader(pieces)
    place = Place()
    while (line := reader.line()) is not None:
        first = place.begins
        if first and _FOREIGN.fullmatch(line):
            continue
        try:
            ended = place.read(line)
        except UnclearError:
            raise _refused(line) from None
        copies = _copies(ended, line, place)
        if first and place.begins and len(ended) == 1 and _EXTENSION.fullmatch(line):
            # most may be made by a superuser only
            yield b"RESET ROLE;\n" + line + b"SET ROLE " + quoted + b";\n"
        else:
            yield line
        if copies:
            yield from reader.rows()


def _copies(ended: Sequence[bytes], line: bytes, place: Place) -> bool:
    """Whether rows follow the line; BackupError for a statement that is refused."""
    for at, statement in enumerate(ended, start=1):
        last = at == len(ended) and place.begins and line.rstrip().endswith(b";")
        if copies := bool(_COPY.fullmatch(statement)):
            if not last:
                raise _refused(line)
            return copies
        if _ELSEWHERE.match(statement) or _ODD_COPY.match(statement):
            raise _refused(line)
    return False


def _refused(line: bytes) -> BackupError:
    return BackupError(
        f"this is no dump of one database: {line.strip().decode(errors='replace')[:80]}",
        "dump one, without --create: pg_dump --format=custom DATABASE",
    )


class _Reader:
    """Lines, and the rows behind a COPY, which are handed on as they come."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._held, self._at = iter(pieces), b"", 0

    def line(self) -> bytes | None:
        parts: list[bytes] = []
        while (end := self._held.find(b"\n", self._at)) < 0:
            parts.append(self._held[self._at :])
            self._held, self._at = next(self._pieces, b""), 0
            if not self._held:
                return b"".join(parts) or None
        parts.append(self._held[self._at : end + 1])
        self._at = end + 1
        return b"".join(parts)

    def rows(self) -> Iterator[bytes]:
        """Behind the line that began them, and their end with them."""
        # the newline of that line, so that an end at once is one too
        held, handed = b"\n" + self._held[self._at :], False
        while (found := _END_OF_COPY.search(held)) is None:
            # an end may come in two pieces
            ready, held = held[:-4], held[-4:]
            if ready:
                yield ready if handed else ready[1:]
                handed = True
            piece = next(self._pieces, None)
            if piece is None:
                raise BackupError("this dump ends in the middle of a table", "make it again")
            held += piece
        ready, self._held, self._at = held[: found.end()], held, found.end()
        yield ready if handed else ready[1:]
