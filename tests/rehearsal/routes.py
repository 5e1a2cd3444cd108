"""Every operation of every service, from their own OpenAPI documents: a route that is added is tested too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Operation:
    service: str
    method: str
    path: str
    # what its query must have
    needs: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of the objects in its path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def unsafe(self) -> bool:
        return self.method not in SAFE

    def url(self, ids: Mapping[str, Mapping[str, int]]) -> str:
        """`ids`: service → name in a path → the object's id."""
        known = ids.get(self.service, {})
        unknown = [name for name in self.names if name not in known]
        assert not unknown, f"{self}: say in test_security.py what {unknown} stands for, so that it can be tested"
        return self.path.format(**known)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(service: str, document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            asked = [one for one in about.get("parameters", []) if one["in"] == "query" and one.get("required")]
            yield Operation(service, method.upper(), path, tuple(one["name"] for one in asked))
