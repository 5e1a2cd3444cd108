"""A backup that a reboot ended is told, until there is one."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from bootstrap_agent.alerts import cut
from bootstrap_agent.contract import manifest, units
from bootstrap_agent.contract.manifest import Manifest

NIGHT = {
    units.DATABASE_TIMER: datetime(2026, 11, 24, 2, tzinfo=timezone.utc),
    units.MEDIA_TIMER: datetime(2026, 11, 24, 3, tzinfo=timezone.utc),
}


def made(backup_id: str, kind: str) -> Manifest:
    return Manifest(id=backup_id, kind=kind, created_at=manifest.time_of(backup_id), databases={})


@pytest.mark.parametrize(
    ("backups", "told"),
    [
        ([], ["database", "media"]),
        ([("20261124_020001", "database"), ("20261124_030000", "media")], []),
        ([("20261124_020001", "database")], ["media"]),
        # a later one of its kind, or one of all, by hand
        ([("20261124_120000", "full")], []),
        ([("20261124_030000", "media"), ("20261124_015959", "full")], ["database"]),
    ],
)
def test_what_was_begun_before_the_boot_and_is_in_no_backup(backups: list[tuple[str, str]], told: list[str]) -> None:
    found = cut.found(NIGHT, [made(*one) for one in backups]).findings
    assert [one.key.rpartition("-")[2] for one in found] == told
    assert all(" 2026-11-24 0" in one.message for one in found)


def test_what_systemd_and_the_kernel_say(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["Tue 2026-11-24 02:00:00 UTC\n", "n/a\n", "\n", "Tue 2026-11-24 03:00:00 UTC\n"])

    class Said:
        def __init__(self) -> None:
            self.out = next(said)

    def run(argv: list[str], **_: Any) -> Said:
        return Said()

    monkeypatch.setattr(cut, "run", run)
    assert cut.triggered(units.DATABASE_TIMER) == NIGHT[units.DATABASE_TIMER]
    assert cut.triggered(units.DATABASE_TIMER) is None and cut.triggered(units.DATABASE_TIMER) is None
    assert cut.booted() == NIGHT[units.MEDIA_TIMER]
