"""The project's own source, which goes into every image. Implementation: `adapters/checkout.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Commit:
    """`id` has 40 hex digits, or is "unknown" outside of a git repository; `dirty` as to the paths asked for."""

    id: str
    dirty: bool


class Checkout(Protocol):
    @property
    def root(self) -> Path:
        """The folder with packer/, stack/ and pyproject.toml."""

    def commit(self, paths: Sequence[Path]) -> Commit: ...
    def changed(self, commit: str, paths: Sequence[Path]) -> list[str] | None:
        """Files below the folders `paths` that differ from `commit`, or are not in git, as `folder/name`; None where
        git knows the commit in none of them."""

    def files(self, path: Path) -> list[Path]:
        """Every file under `path` (or itself), sorted: what git tracks or would track, all of them outside of git."""

    def wheel(self, into: Path) -> Path:
        """Builds the agent's wheel, without its dependencies: the same source makes the same bytes."""
