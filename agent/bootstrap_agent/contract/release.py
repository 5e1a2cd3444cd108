"""release.json: what is in an image. Written while it is baked, read by the agent, told by `info`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

VERSION = 1
# between the names of `compose_file`, as Compose's own COMPOSE_FILE has it
SEPARATOR = ":"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Entries with a default are for a person: the agent works without. `compose_file` is one name below `stack_dir`,
    or several, in the order of `docker compose -f`."""

    name: str
    stack_dir: str
    compose_file: str
    # container image → its digest; of one that was built here, its id
    images: dict[str, str]
    version: int = VERSION
    stack: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    built_at: datetime | None = None
    base: str | None = None
    # Debian stands in where Ubuntu's archive cannot be reached
    base_is_stand_in: bool | None = None
    packages: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        return Path(self.stack_dir)

    @property
    def compose_files(self) -> tuple[str, ...]:
        return tuple(self.compose_file.split(SEPARATOR))
