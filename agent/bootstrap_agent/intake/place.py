"""Where in a script of SQL a line is, as psql reads it: which statements end there, and whether one begins. Pure.

https://github.com/postgres/postgres/blob/REL_17_STABLE/src/fe_utils/psqlscan.l, with standard_conforming_strings on."""

from __future__ import annotations

import re

_TAG = rb"\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$"
# names, numbers, signs and space, as far as nothing opens: no backslash is among them. So many at once, as Python keeps
# a place to come back to for each
_CODE = re.compile(
    rb"(?:(?![eE]')[A-Za-z_\x80-\xff][\w$\x80-\xff]*|\d[\w.]*|[^\w\x80-\xff'\"$/\\\r-]+"
    rb"|\r(?=\n|\Z)|\$(?!" + _TAG[2:] + rb")|-(?!-)|/(?!\*)){0,4096}"
)
# where a text, a name, a comment or a body begins
_OPENS = re.compile(rb"[eE]'|'|\"|--|/\*|" + _TAG)
# versions differ in where such a number ends, and so in what follows
_NUMBER = re.compile(rb"(?<![\w\x80-\xff])\d[\w.]*\Z")
_CLOSES_E = re.compile(rb"\\.|''|'", re.DOTALL)
_COMMENT = re.compile(rb"/\*|\*/")
_PARTS = re.compile(rb"[;()]|[^;()]+")
# one whose body may have statements of its own
_ROUTINE = re.compile(rb"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.IGNORECASE)
_BLOCK = re.compile(rb"(?<![\w$\x80-\xff])(?:BEGIN|CASE|END)(?![\w$\x80-\xff])", re.IGNORECASE)
# of a statement's code: how it begins and how it ends
_HEAD, _TAIL = 4096, 256


class UnclearError(Exception):
    """There is what is no SQL, or what psql may read in two ways."""


class Place:
    def __init__(self) -> None:
        # what text, name, comment or body is open; and how many comments within each other
        self._within, self._comments = b"", 0
        # of the statement that has begun, with a quote for what is quoted
        self._code = bytearray()
        self._parentheses = self._blocks = 0

    @property
    def begins(self) -> bool:
        """A statement at what comes next."""
        return not (self._within or self._code)

    def read(self, line: bytes) -> list[bytes]:
        """The statements that end there, without texts and comments; of a long one beginning and end. UnclearError."""
        at, ended = 0, list[bytes]()
        while at < len(line):
            if self._within:
                end = self._closes(line, at)
                if end is None:
                    break
                at, self._within = end, b""
                continue
            code = _CODE.match(line, at)
            assert code is not None, "it may be empty"
            if code.end() > at:
                ended += self._take(code[0])
            opened = _OPENS.match(line, code.end())
            if opened:
                at = self._opens(line, opened)
            elif code.end() > at:
                at = code.end()
            else:
                raise UnclearError
        return ended

    def _opens(self, line: bytes, opened: re.Match[bytes]) -> int:
        """Behind that, or behind a comment as long as the line."""
        what = opened[0]
        if what == b"--":
            if b"\r" in line[opened.end() :].removesuffix(b"\n").removesuffix(b"\r"):
                # it ends there
                raise UnclearError
            return len(line)
        start = opened.start()
        if what[:1] in b"'$" and _NUMBER.search(line[max(0, start - 80) : start]):
            raise UnclearError
        self._within = what.lower() if what[1:] == b"'" else what
        if what == b"/*":
            self._comments = 1
            self._add(b" ")
        else:
            self._add(b'"' if what == b'"' else b"'")
        return opened.end()

    def _closes(self, line: bytes, at: int) -> int | None:
        """Behind the end of what is open; None when the line has none. A quote within a text is two of them: the text
        ends there, and begins again."""
        if self._within == b"e'":
            return next((found.end() for found in _CLOSES_E.finditer(line, at) if found[0] == b"'"), None)
        if self._within == b"/*":
            for found in _COMMENT.finditer(line, at):
                self._comments += 1 if found[0] == b"/*" else -1
                if not self._comments:
                    return found.end()
            return None
        end = line.find(self._within, at)
        return None if end < 0 else end + len(self._within)

    def _take(self, code: bytes) -> list[bytes]:
        ended = []
        for part in _PARTS.findall(code):
            if part == b";" and not (self._parentheses or self._blocks):
                ended.append(bytes(self._code))
                self._code.clear()
                continue
            if part == b"(":
                self._parentheses += 1
            elif part == b")":
                self._parentheses = max(0, self._parentheses - 1)
            self._add(part)
            if not self._parentheses and _ROUTINE.match(self._code):
                self._count(part)
        return ended

    def _count(self, part: bytes) -> None:
        for word in _BLOCK.findall(part):
            if word.upper() == b"BEGIN" or (word.upper() == b"CASE" and self._blocks):
                self._blocks += 1
            elif word.upper() == b"END" and self._blocks:
                self._blocks -= 1

    def _add(self, code: bytes) -> None:
        self._code += code if self._code else code.lstrip()
        if len(self._code) > 2 * (_HEAD + _TAIL):
            del self._code[_HEAD:-_TAIL]
