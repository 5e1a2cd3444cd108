"""`.env.production` as Compose reads it. Every value survives as it is: `$` never refers to another variable."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bootstrap_agent.contract.errors import HostError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=%?&-]*")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPED = {value[1]: key for key, value in _ESCAPED.items()}
HEADER = "# Written by bootstrap. Change env_file on your computer and run `bootstrap create` again.\n"


def render(values: Mapping[str, str]) -> str:
    for name in values:
        if not _NAME.fullmatch(name):
            raise HostError(f"{name!r} is no name of an environment variable", "letters, digits and _ only")
    return HEADER + "".join(f"{name}={quote(value)}\n" for name, value in values.items())


def quote(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not re.search(r"['\\\r\n]", value):
        return f"'{value}'"
    return '"' + "".join(_ESCAPED.get(character, character) for character in value) + '"'


def parse(text: str, source: str = ".env.production") -> dict[str, str]:
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, separator, value = stripped.partition("=")
        if not separator or not _NAME.fullmatch(name):
            raise HostError(f"{source}, line {number}: not NAME=value", "mend that line")
        values[name] = _unquote(value, f"{source}, line {number} ({name})")
    return values


def _unquote(value: str, where: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _unescape(value[1:-1], where)
    if not _PLAIN.fullmatch(value):
        raise HostError(f"{where}: put the value into single quotes", "only values without a reference are handed on")
    return value


def _unescape(value: str, where: str) -> str:
    if re.search(r'(?<!\\)(?:\\\\)*["$]', value):
        raise HostError(f'{where}: write \\$ for $, \\" for "', "references to other variables are not handed on")
    return re.sub(r"\\(.)", lambda match: _UNESCAPED.get(match[1], match[0]), value)
