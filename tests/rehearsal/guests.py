"""The guest book of `examples/hello`, and who writes into it while something happens to its machine."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field

from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.visitors import PATIENCE_S, Visit

ENV_FILE = "/home/deploy/apps/hello/Docker/.env.production"


def key_of(bootstrap: Bootstrap, domain: str) -> str:
    lines = bootstrap("ssh", domain, "--", "cat", ENV_FILE, unlogged=True).out.splitlines()
    return next(line.partition("=")[2].strip("'\"") for line in lines if line.startswith("GUESTBOOK_KEY="))


@dataclass
class GuestBook:
    """`kept` are the lines whose writer was told that they are there."""

    site: Site
    key: str
    kept: list[str] = field(default_factory=list)
    patience_s: float = PATIENCE_S

    def write(self, line: str) -> int:
        headers = {"Authorization": f"Bearer {self.key}"}
        status = self.site.request("POST", "/", content=line, headers=headers, timeout=self.patience_s).status_code
        if status == 201:
            self.kept.append(line)
        return status

    def writes(self) -> Visit:
        def visit() -> str | None:
            answered = self.write(f"busy {uuid.uuid4()}")
            return None if answered == 201 else f"POST /: {answered}"

        return visit

    def lines(self) -> list[str]:
        answer = self.site.request("GET", "/")
        assert answer.status_code == 200
        greeting, *rest = answer.text.splitlines()
        assert greeting == f"Hello from {self.site.domain}"
        return rest

    def has_all(self, *, nothing_else: bool) -> None:
        """Nothing is lost, nothing is there twice; `nothing_else`: every writer had an answer."""
        there = Counter(self.lines())
        assert not (lost := [line for line in self.kept if not there[line]]), lost
        assert not (twice := [line for line in there if there[line] > 1]), twice
        assert not nothing_else or len(there) == len(self.kept)
