"""A dump as SQL, made fit for a database of another owner: what names roles of the host where it was made is left out,
as all is loaded as the database's own role here. Pure.

Nothing within a row, a text or a function's body is touched: a line counts only where a statement begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bootstrap_agent.contract.errors import BackupError

_NAME = rb'(?:"(?:[^"]|"")+"|[^\s;"]+)'
_FOREIGN = re.compile(
    rb"(?:ALTER [A-Z ]+ .* OWNER TO " + _NAME + rb";|GRANT .*;|REVOKE .*;|ALTER DEFAULT PRIVILEGES .*;"
    rb"|SET SESSION AUTHORIZATION .*;|RESET SESSION AUTHORIZATION;|COMMENT ON EXTENSION .*';"
    # of a newer psql than the one here may be; it guards against what is refused below
    rb"|\\(?:un)?restrict .*)\s*"
)
_EXTENSION = re.compile(rb"CREATE EXTENSION .*;\s*")
# to another database, to a shell, to a file of whoever runs psql
_ELSEWHERE = re.compile(rb"\\|CREATE (?:DATABASE|ROLE)\s")
_COPY = re.compile(rb"COPY .* FROM stdin;\r?\n")
_END_OF_COPY = re.compile(rb"\n\\\.\r?\n")
# where a text, a name, a comment or a body begins
_OPENS = re.compile(rb"(?<![\w$])[eE]'|'|\"|--|/\*|(?<![\w$])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$")
_CLOSES_E = re.compile(rb"\\.|''|'", re.DOTALL)


def adapted(pieces: Iterable[bytes], role: str) -> Iterator[bytes]:
    """The same script, to be run by a superuser who becomes `role`. BackupError for one of a whole cluster."""
    quoted = b'"' + role.replace('"', '""').encode() + b'"'
    yield b"SET ROLE " + quoted + b";\n"
    reader = _Reader(pieces)
    place = _Place()
    while (line := reader.line()) is not None:
        if not place.begins:
            place.read(line)
            yield line
        elif _FOREIGN.fullmatch(line):
            continue
        elif _ELSEWHERE.match(line):
            raise BackupError(
                f"this is no dump of one database: {line.strip().decode(errors='replace')[:80]}",
                "dump one, without --create: pg_dump --format=custom DATABASE",
            )
        elif _EXTENSION.fullmatch(line):
            # most may be made by a superuser only
            yield b"RESET ROLE;\n" + line + b"SET ROLE " + quoted + b";\n"
        else:
            place.read(line)
            yield line
            if _COPY.fullmatch(line):
                yield from reader.rows()


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


class _Place:
    """Whether a statement begins at the next line."""

    def __init__(self) -> None:
        self.begins = True
        # a statement has begun; what text, name, comment or body is open
        self._open, self._within = False, b""

    def read(self, line: bytes) -> None:
        at = 0
        while True:
            if self._within:
                end = self._closes(line, at)
                if end is None:
                    break
                at, self._within = end, b""
            opened = _OPENS.search(line, at)
            code = line[at : opened.start() if opened else len(line)].strip()
            if code:
                self._open = not code.endswith(b";")
            if opened is None or opened[0] == b"--":
                break
            self._within, at = opened[0].lower(), opened.end()
            self._open = self._open or self._within != b"/*"
        self.begins = not (self._open or self._within)

    def _closes(self, line: bytes, at: int) -> int | None:
        """Behind the end of what is open; None when the line has none. A quote within a text is two of them: the text
        ends there, and begins again."""
        if self._within == b"e'":
            return next((found.end() for found in _CLOSES_E.finditer(line, at) if found[0] == b"'"), None)
        close = b"*/" if self._within == b"/*" else self._within
        end = line.find(close, at)
        return None if end < 0 else end + len(close)
