"""How the last drill went, for `status`: one small object beside the backups, written from here and read from anywhere.
No droplet knows of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bootstrap.errors import NotFoundError
from bootstrap.ports.object_store import ObjectStore
from bootstrap_agent.contract import form

NAME = "drill.json"


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest drill: when it began, of which backup, and how it went, times in seconds; and when one passed last."""

    at: datetime
    backup: str
    passed: bool
    last_passed: datetime | None
    rpo_s: int | None = None
    rto_s: int | None = None
    problem: str | None = None
    version: int = 1


def read(store: ObjectStore, prefix: str) -> Record | None:
    """None before the first one. CloudError, or another of Spaces', when nobody can know; a record that is not of this
    form counts as none."""
    try:
        return form.decode(store.read(prefix + NAME).decode(errors="replace"), Record)
    except (NotFoundError, form.FormError):
        return None


def write(store: ObjectStore, prefix: str, latest: Record) -> None:
    before = read(store, prefix)
    passed = latest.at if latest.passed else before.last_passed if before else None
    latest = msgspec.structs.replace(latest, last_passed=passed)
    store.write(prefix + NAME, form.encode(latest, indent=1).encode())
