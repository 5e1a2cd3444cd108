"""A night's backup that a reboot or a power cut ended: systemd forgets then that it began or failed, and by the time
that the newest backup is late, the next night has made one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from bootstrap_agent.alerts.decide import Finding, Looked
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import manifest, units
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.manifest import Manifest, time_of
from bootstrap_agent.run import run
from bootstrap_agent.s3.client import QUESTION

KINDS = {units.DATABASE_TIMER: manifest.DATABASE, units.MEDIA_TIMER: manifest.MEDIA}


def look(deployment: Deployment, timers: Sequence[str]) -> Looked:
    began = booted()
    before = {timer: at for timer in timers if began and (at := triggered(timer)) and at < began}
    if not before:
        return Looked()
    store = BackupStore(deployment, patience=QUESTION)
    oldest = manifest.new_id(min(before.values()))
    return found(before, [store.manifest(one) for one in store.manifest_ids() if one >= oldest])


def found(before: dict[str, datetime], made: Sequence[Manifest]) -> Looked:
    """`before`: timer → when it began a backup, ahead of this boot."""
    return Looked(
        tuple(
            Finding(
                f"backup:cut:{timer.removesuffix('.timer')}",
                f"{units.service_of(timer)} of {at:%Y-%m-%d %H:%M} UTC made no backup before the machine started anew, "
                "and none was made since",
            )
            for timer, at in before.items()
            if not any(one.kind in (KINDS[timer], manifest.FULL) and time_of(one.id) >= at for one in made)
        )
    )


def triggered(timer: str) -> datetime | None:
    """When it last began its service; systemd keeps that over a reboot. None: never on this machine."""
    return _moment(timer, "--property=LastTriggerUSec")


def booted() -> datetime | None:
    """By systemd, whose machine may be a container of somebody else's kernel."""
    return _moment("--property=UserspaceTimestamp")


def _moment(*asked: str) -> datetime | None:
    said = run(["systemctl", "show", *asked, "--value"], env={"TZ": "UTC", "LC_ALL": "C"}).out.strip()
    if said in ("", "n/a"):
        return None
    return datetime.strptime(said, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc)
