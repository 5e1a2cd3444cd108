"""A site in maintenance: what is ordered, what lies on the data volume, and what is told."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec


class MaintenanceOrder(msgspec.Struct, frozen=True):
    """What `maintenance on` takes on stdin. `allow`: networks that meet the stack; `page`: HTML, else the stack's own
    `maintenance.html`, else one of ours."""

    allow: tuple[str, ...] = ()
    retry_after_s: int = 300
    page: str | None = None


class Maintenance(msgspec.Struct, frozen=True):
    """`since` is None where visitors come in."""

    since: datetime | None = None
    allow: tuple[str, ...] = ()
    retry_after_s: int | None = None


class MaintenanceState(msgspec.Struct, frozen=True):
    """As it lies on the data volume, with nothing secret."""

    since: datetime
    allow: tuple[str, ...]
    retry_after_s: int
    page: str

    @classmethod
    def unreadable(cls) -> MaintenanceState:
        return cls(datetime.now(timezone.utc).replace(microsecond=0), (), 300, "")
