"""JSON as a database can keep it: PostgreSQL knows no NUL in a text, no half of a character and no endless number."""

from __future__ import annotations

import re
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
_LARGEST = 2**63 - 1


class StrictJSONParser(JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        refuse_unkeepable(data)
        return data


def refuse_unkeepable(data: Any) -> None:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and _UNKEEPABLE.search(value):
            raise ParseError("a text holds a NUL character or half of a surrogate pair")
        elif isinstance(value, int) and abs(value) > _LARGEST:
            raise ParseError("a number is too large")
