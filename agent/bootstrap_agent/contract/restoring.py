"""What a restore is told, and what it says was restored."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bootstrap_agent.contract.deployment import Spaces
from bootstrap_agent.contract.manifest import Held


class RestoredDatabase(msgspec.Struct, frozen=True):
    """`by_table`: table → rows, as they came back; an agent of an earlier image does not say."""

    tables: int
    rows: int
    by_table: dict[str, int] = {}


class Restored(msgspec.Struct, frozen=True):
    """Of two backups, the id is the newer one's. `holds`: media folder → what was found in it, where the backup says
    what that was."""

    id: str
    databases: dict[str, RestoredDatabase]
    media: tuple[str, ...]
    holds: dict[str, Held] = {}


class RestoreOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `restore` takes on stdin. `identity` is the recovery key, for the time of the restore, in memory. `to`: the
    moment to go back to, else `to_the_end` of the log, else the backup's own. `newest`: of those made later nothing is
    taken. `only`: one database by its name, or `media`. `settings`: also the values and certificates, for a deployment
    that is made anew. `source`: another deployment's backups, which are only read; `sanitise`: what came from there is
    made harmless before it serves."""

    identity: str | None = None
    to: datetime | None = None
    to_the_end: bool = False
    newest: str | None = None
    only: str | None = None
    settings: bool = False
    source: Spaces | None = None
    sanitise: bool = False

    def __repr__(self) -> str:
        return f"RestoreOrder(to={self.to}, only={self.only})"
