"""`.env` files in Docker Compose's own grammar (compose-go's package dotenv): one reader, one writer.

    NAME=value            until the end of the line or ` #`; spaces around are dropped
    NAME='value'          as it is, also over several lines; \\' is a quote
    NAME="value"          \\n \\r \\t \\" \\\\ \\$ and the like are escapes
    export NAME=value     the same
    # a comment

Outside of single quotes `$NAME` and `${NAME}` refer to another variable, `$$` is a dollar. Whoever reads decides what
a reference is worth: the example of a stack has them filled in, the operator's file has none (a password may hold
anything, so a dollar is a dollar), and on a droplet they are refused. Compose also reads `NAME: value`, a name alone
and octal escapes; these are refused here, as nobody means them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Go's isSpace, without the line's end
_SPACE = " \t\v\f\r\x85\xa0"
_LEFT = re.compile(rf"(?:export[{_SPACE}]+)?({_NAME.pattern})[{_SPACE}]*=[{_SPACE}]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=%?&-]*")
_DOLLAR = re.compile(rf"\$(?:(?P<escaped>\$)|(?P<bare>{_NAME.pattern})|\{{(?P<braced>{_NAME.pattern})\}}|(?P<other>))")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
HEADER = "# Written by bootstrap. Change env_file on your computer and run `bootstrap create` again.\n"


class DotenvError(ValueError):
    """`where` is the file and the line; the message holds no value, as that may be a secret."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what, self.remedy = where, what, remedy


@dataclass(frozen=True)
class Reference:
    """`name` is None for a dollar that Compose does not understand either, or not as a mere name."""

    name: str | None
    text: str


@dataclass(frozen=True)
class Entry:
    """`value` is what it is where a dollar is a dollar; `parts` are text and references, where it may be more.
    `commented`: a comment was cut off that somebody may have meant as a part of the value."""

    where: str
    name: str
    value: str
    parts: tuple[str | Reference, ...]
    commented: bool = False

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(part for part in self.parts if isinstance(part, Reference))


def entries(text: str, source: str) -> list[Entry]:
    """In their order. DotenvError at the first line that is none, or that sets a variable again."""
    found: dict[str, Entry] = {}
    for entry in _Reader(text, source).entries():
        if entry.name in found:
            raise DotenvError(entry.where, f"{entry.name} is set twice", "keep one of the lines")
        found[entry.name] = entry
    return list(found.values())


def literal(text: str, source: str) -> dict[str, str]:
    """A dollar is a dollar, and what might be a comment has to be made clear: nothing of a password is lost."""
    return {entry.name: _whole(entry).value for entry in entries(text, source)}


def final(text: str, source: str = ".env.production") -> dict[str, str]:
    """Every value survives as it is, for Compose too: one that refers to another variable is refused."""
    return {entry.name: _without_references(_whole(entry)) for entry in entries(text, source)}


def render(values: Mapping[str, str]) -> str:
    """Compose and `final` read back the same values, whatever they hold but NUL."""
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise DotenvError(f"{name!r}", "is no name of an environment variable", "letters, digits and _ only")
        if "\0" in value or (not value.isascii() and not _is_utf8(value)):
            raise DotenvError(name, "holds what no environment variable can", "give it as text, without NUL")
    return HEADER + "".join(f"{name}={quote(value)}\n" for name, value in values.items())


def quote(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not re.search(r"['\\\r\n]", value):
        return f"'{value}'"
    return '"' + "".join(_ESCAPED.get(character, character) for character in value) + '"'


def _whole(entry: Entry) -> Entry:
    if entry.commented:
        remedy = "put the value into single quotes, and a comment on a line of its own"
        raise DotenvError(f"{entry.where} ({entry.name})", "` #` begins a comment in the middle of the value", remedy)
    return entry


def _without_references(entry: Entry) -> str:
    if entry.references:
        remedy = "put the value into single quotes"
        raise DotenvError(f"{entry.where} ({entry.name})", "refers to another variable", remedy)
    return "".join(map(str, entry.parts))


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self._text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self._source = source
        self._at = 0

    def entries(self) -> Iterator[Entry]:
        while self._skip():
            yield self._entry()

    def _skip(self) -> bool:
        """To the next line that says something."""
        found = re.compile(rf"(?:[{_SPACE}\n]|#[^\n]*)*").match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at < len(self._text)

    def _entry(self) -> Entry:
        where = f"{self._source}, line {self._text.count(chr(10), 0, self._at) + 1}"
        found = _LEFT.match(self._text, self._at)
        if found is None:
            raise DotenvError(where, "not of the form NAME=value", "put comments on lines of their own")
        name, self._at = found[1], found.end()
        if self._text[self._at : self._at + 1] == "'":
            value = re.sub(r"\\(')", r"\1", self._quoted(where, name))
            return Entry(where, name, value, (value,))
        if self._text[self._at : self._at + 1] == '"':
            return _double_quoted(where, name, self._quoted(where, name))
        return self._unquoted(where, name, found[0])

    def _quoted(self, where: str, name: str) -> str:
        """What is between the quotes, which nothing but a comment may follow."""
        mark = self._text[self._at]
        found = re.compile(rf"{mark}((?:[^{mark}\\]|\\.)*){mark}[{_SPACE}]*(?=\n|#|\Z)", re.DOTALL).match(
            self._text, self._at
        )
        if found is None:
            what = f"the closing {mark} is missing, or something stands behind it"
            raise DotenvError(f"{where} ({name})", what, "quote the whole value, and each quote within as \\" + mark)
        self._at = found.end()
        return found[1]

    def _unquoted(self, where: str, name: str, left: str) -> Entry:
        line = self._text[self._at :].partition("\n")[0]
        self._at += len(line)
        value, comment, _ = line.partition(" #")
        value = value.rstrip()
        # Compose's releases differ in what `NAME= # text` is
        unclear = value.startswith("#") and not left.endswith("=")
        return Entry(where, name, value, tuple(_parts(value)), commented=bool(comment) or unclear)


def _double_quoted(where: str, name: str, raw: str) -> Entry:
    parts: list[str | Reference] = []
    value = ""
    for found in re.finditer(r"\\(.)|([^\\]+)", raw, re.DOTALL):
        escape, text = found[1], found[2]
        if escape in ("0", "c"):
            raise DotenvError(f"{where} ({name})", f"holds the escape \\{escape}", "write the character itself")
        if text is None:
            text = "$" if escape == "$" else _ESCAPES.get(escape, found[0])
            parts.append(text)
        else:
            parts += _parts(text)
        value += text
    return Entry(where, name, value, tuple(parts))


def _parts(text: str) -> Iterator[str | Reference]:
    at = 0
    for found in _DOLLAR.finditer(text):
        yield text[at : found.start()]
        yield "$" if found["escaped"] else Reference(found["bare"] or found["braced"], found[0])
        at = found.end()
    yield text[at:]
