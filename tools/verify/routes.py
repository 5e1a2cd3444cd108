"""Which question of DigitalOcean's document a request is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any


class Routes:
    """Of the paths of openapi.json; the one with the fewest variables wins."""

    def __init__(self, paths: Iterable[str]) -> None:
        ordered = sorted(paths, key=lambda path: (path.count("{"), path))
        self._patterns = [(re.compile(_pattern(path)), path) for path in ordered]

    def template(self, path: str) -> str | None:
        path = path.rstrip("/")
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), None)


def question(method: str, template: str | None, asked: Any) -> str:
    """An action is a question by its type."""
    action = asked.get("type") if isinstance(asked, dict) and str(template).endswith("/actions") else None
    return f"{method} {template or '(a path that is not in the document)'}" + (f" {action}" if action else "")


def _pattern(path: str) -> str:
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path))
