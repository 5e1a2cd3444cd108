"""`.env` files in Docker Compose's own grammar (compose-go's packages dotenv and template): one reader, one writer.

    NAME=value            until the end of the line or ` # `; spaces around are dropped
    NAME='value'          as it is, also over several lines; \\' is a quote
    NAME="value"          the same, with \\n \\r \\t \\" \\\\ \\$ and the like as escapes
    export NAME=value     the same
    # a comment

Outside of single quotes `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}` and `${NAME:?why}` refer to another
variable, `$$` is a dollar. Whoever reads decides what a reference is worth: the example of a stack has them filled in,
the operator's file may refer to lines above, and on a droplet they are refused. Compose also reads `NAME: value`, a
name alone, names that hold more than letters, digits and _, and octal escapes; these are refused here, as nobody means
them or no service could use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Go's unicode.IsSpace; its own isSpace of a line knows fewer
_WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_SPACE = " \t\v\f\r\x85\xa0"
_LEFT = re.compile(rf"(?:export[{_SPACE}]+)?(?!export[{_SPACE}])({_NAME.pattern})[{_SPACE}]*=[{_SPACE}]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=%?&-]*")
_BRACED = re.compile(rf"\$\{{(?P<name>{_NAME.pattern})(?P<operator>:?[-+?])?")
_DOLLAR = re.compile(rf"\$(?:(?P<escaped>\$)|(?P<bare>{_NAME.pattern})|(?P<brace>\{{)|(?P<other>))")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
HEADER = "# Written by bootstrap. Change env_file on your computer and run `bootstrap create` again.\n"
# what Compose is given beside the file, or sets by itself, which would win over it
RESERVED = ("RELEASE", "PATH", "HOME", "PWD")


class DotenvError(ValueError):
    """`where` is the file and the line; the message holds no value, as that may be a secret."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what, self.remedy = where, what, remedy


class UnsetError(ValueError):
    """A reference to `name`, which has no value; None: to nothing that Compose would understand."""

    def __init__(self, name: str | None, text: str) -> None:
        super().__init__(text)
        self.name, self.text = name, text


@dataclass(frozen=True)
class Reference:
    """`name` is None for a dollar that Compose does not understand, or takes for a mere dollar. `operator` is one of
    :- - :+ + :? ? or empty, `word` what follows it."""

    name: str | None
    text: str
    operator: str = ""
    word: tuple[str | Reference, ...] = ()

    @property
    def all(self) -> Iterator[Reference]:
        """With those in its word."""
        yield self
        for part in self.word:
            if isinstance(part, Reference):
                yield from part.all


Parts = tuple["str | Reference", ...]


@dataclass(frozen=True)
class Entry:
    """`value` is what it is where a dollar is a dollar; `parts` are text and references, where it may be more.
    `commented`: a comment was cut off that somebody may have meant as a part of the value."""

    where: str
    name: str
    value: str
    parts: Parts
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


def is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and text not in RESERVED


def check_names(found: list[Entry]) -> None:
    """DotenvError for a variable that would not arrive: Compose is given another of its name."""
    for entry in found:
        if entry.name in RESERVED:
            what = f"{entry.name} is set by the droplet itself, which wins over this line"
            raise DotenvError(entry.where, what, "choose another name")


def composed(text: str, source: str) -> dict[str, str]:
    """As Compose reads it, and nothing else: a reference is to a line above, and to nothing of this computer. What
    Compose would empty in silence, or might be a comment or not, is refused: nothing of a password is lost."""
    values: dict[str, str] = {}
    found = entries(text, source)
    check_names(found)
    for entry in found:
        try:
            values[entry.name] = expand(_whole(entry).parts, values.get)
        except UnsetError as error:
            # its name may be a part of a password
            what = (
                "holds a ${ that is no ${NAME}"
                if error.name is None
                else "refers to a variable that no line above sets"
            )
            remedy = "put the value into single quotes, where a $ is a $, or set the variable in a line above"
            raise DotenvError(f"{entry.where} ({entry.name})", what, remedy) from None
    return values


def final(text: str, source: str = ".env.production") -> dict[str, str]:
    """Every value survives as it is, for Compose too: one that refers to another variable is refused."""
    return {entry.name: _without_references(_whole(entry)) for entry in entries(text, source)}


def expand(parts: Parts, value_of: Callable[[str], str | None], text_of: Callable[[str], str] = str) -> str:
    """References filled in; `value_of` tells None of a variable that is not set. UnsetError."""
    return "".join(text_of(part) if isinstance(part, str) else _value(part, value_of, text_of) for part in parts)


def _value(reference: Reference, value_of: Callable[[str], str | None], text_of: Callable[[str], str]) -> str:
    if reference.name is None:
        if reference.text == "$":
            return "$"
        raise UnsetError(None, reference.text)
    value = value_of(reference.name)
    kind = reference.operator[-1:]
    # with a colon, empty is as good as not set
    there = bool(value) if reference.operator.startswith(":") else value is not None
    if kind == "+":
        return expand(reference.word, value_of, text_of) if there else value or ""
    if kind == "-" and not there:
        return expand(reference.word, value_of, text_of)
    if value is None or not (there or not kind):
        raise UnsetError(reference.name, reference.text)
    return value


def render(values: Mapping[str, str]) -> str:
    """Compose, `final` and `composed` read back the same values, whatever they hold but NUL."""
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
        remedy = "put the value into single quotes, or a space behind the #, or the comment on a line of its own"
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
        self._text = text.removeprefix("\ufeff")
        self._source = source
        self._at = 0

    def entries(self) -> Iterator[Entry]:
        while self._skip():
            yield self._entry()

    def _skip(self) -> bool:
        """To the next line that says something."""
        found = re.compile(rf"(?:[{_WHITE}]|#[^\n]*)*").match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at < len(self._text)

    def _entry(self) -> Entry:
        where = f"{self._source}, line {self._text.count(chr(10), 0, self._at) + 1}"
        found = _LEFT.match(self._text, self._at)
        if found is None:
            remedy = "letters, digits and _ before the =, comments on lines of their own"
            raise DotenvError(where, "not of the form NAME=value", remedy)
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
        value, mark, comment = line.partition(" #")
        value = value.rstrip(_WHITE)
        # Compose's releases differ in what `NAME= # text` is
        unclear = value.startswith("#") and not left.endswith("=")
        # a comment, or the rest of a password?
        unclear = unclear or (bool(mark) and comment[:1] not in ("", " ", "\t", "\r", "#"))
        return Entry(where, name, value, tuple(parts(value)), commented=unclear)


def _double_quoted(where: str, name: str, raw: str) -> Entry:
    """Escapes first, references in what comes of it, as Compose does."""
    if odd := next((one[1] for one in re.finditer(r"\\(.)", raw, re.DOTALL) if one[1] in ("0", "c")), None):
        raise DotenvError(f"{where} ({name})", f"holds the escape \\{odd}", "write the character itself")

    def unescaped(dollar: str) -> str:
        return re.sub(r"\\(.)", lambda one: {"$": dollar, **_ESCAPES}.get(one[1], one[0]), raw, flags=re.DOTALL)

    return Entry(where, name, unescaped("$"), tuple(parts(unescaped("$$"))))


def parts(text: str) -> Iterator[str | Reference]:
    """Text and the references in it, of a Compose file's too."""
    at = 0
    while found := _DOLLAR.search(text, at):
        yield text[at : found.start()]
        at = found.end()
        if found["escaped"]:
            yield "$"
        elif found["brace"]:
            reference = _braced(text, found.start())
            at = found.start() + len(reference.text)
            yield reference
        else:
            yield Reference(found["bare"], found[0])
    yield text[at:]


def _braced(text: str, start: int) -> Reference:
    """`${…}`, of which the closing brace is the one that Compose finds: a word holds no brace but those of references
    within it, and no line break."""
    odd = Reference(None, "${")
    found = _BRACED.match(text, start)
    if found is None:
        return odd
    word: list[str | Reference] = []
    at = found.end()
    while text[at : at + 1] != "}":
        piece = re.compile(r"[^${}\n]+").match(text, at)
        if found["operator"] and piece:
            word.append(piece[0])
            at = piece.end()
            continue
        dollar = _DOLLAR.match(text, at)
        if not found["operator"] or dollar is None:
            return odd
        inner = "$" if dollar["escaped"] else Reference(dollar["bare"], dollar[0])
        if dollar["brace"]:
            inner = _braced(text, at)
            if inner.name is None:
                return odd
        word.append(inner)
        at += len(inner.text if isinstance(inner, Reference) else "$$")
    return Reference(found["name"], text[start : at + 1], found["operator"] or "", tuple(word))
