"""When the archiver has a base backup made: the log must go on from one."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, cast

import msgspec
import pytest

from bootstrap_agent.backup import archive, base
from bootstrap_agent.backup.base import Base, joins
from bootstrap_agent.backup.position import Position
from bootstrap_agent.contract import form, wal
from bootstrap_agent.contract.answers import Archive
from bootstrap_agent.contract.errors import HostError
from tests.unit.agent.test_backup import CLUSTER

SIZE = CLUSTER.segment_size
UNIT = "bootstrap-backup-database.service"


def at(first: int, timeline: int = 1, system: str = CLUSTER.system) -> Position:
    """The server keeps the log from that segment on."""
    return Position(system, timeline, SIZE, str(first * SIZE + 40), str(first * SIZE + 80))


def stored(*numbers: int) -> set[str]:
    return {wal.name(1, number, SIZE) for number in numbers}


@pytest.mark.parametrize(
    ("position", "segments", "joined"),
    [
        (at(6), stored(2, 3, 4, 5), True),
        (at(6), stored(2, 3, 5), False),
        (at(6), stored(2, 3, 4), False),
        (at(2), stored(), True),
        (at(1), stored(), True),
        # a restore ends in a timeline of its own; another cluster has its own log
        (at(6, timeline=2), stored(2, 3, 4, 5), False),
        (at(6, system="8"), stored(2, 3, 4, 5), False),
    ],
)
def test_a_log_without_a_base_is_one_with_a_gap_before_it(position: Position, segments: set[str], joined: bool) -> None:
    later = msgspec.structs.replace(CLUSTER, wal_from=wal.name(1, 9, SIZE), timeline=7)
    assert joins([later, CLUSTER], segments, position) is joined
    assert joins([], segments, position) is False


class Systemd:
    """What was started, and how the unit stands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.locked_by, self.now = "inactive", "", 0.0
        self.started: list[str] = []
        monkeypatch.setattr(base, "run", self._run)
        monkeypatch.setattr(base.lock, "holder", lambda: self.locked_by or None)
        monkeypatch.setattr(base.time, "monotonic", lambda: self.now + 1)

    def _run(self, argv: list[str]) -> object:
        class Said:
            out = f"{self.state}\n"

        if argv[1] == "start":
            self.started.append(argv[-1])
        return Said


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    return Systemd(monkeypatch)


def test_one_is_begun_at_once_and_looked_for_until_it_is_there(systemd: Systemd) -> None:
    first = Base(None)
    since = first.ensure(lambda: False)
    assert systemd.started == [UNIT] and since is not None
    systemd.state = "activating"
    assert first.ensure(lambda: pytest.fail("asked while it is made")) == since
    systemd.state = "inactive"
    assert first.ensure(lambda: True) is None
    assert first.ensure(lambda: pytest.fail("nothing made it doubtful")) is None
    first.doubt()
    assert first.ensure(lambda: False) and systemd.started == [UNIT], "no more often than that"
    systemd.now = base.AGAIN_S
    first.ensure(lambda: False)
    assert systemd.started == [UNIT, UNIT]


def test_nothing_is_begun_while_another_command_works(systemd: Systemd) -> None:
    systemd.locked_by = "restore (pid 7)"
    before = datetime(2026, 11, 24, tzinfo=timezone.utc)
    assert Base(before).ensure(lambda: False) == before
    assert systemd.started == []


def test_one_that_failed_is_begun_again_and_a_failure_to_look_ends_nothing(systemd: Systemd) -> None:
    def unreachable() -> bool:
        raise HostError("Spaces does not answer")

    first = Base(None)
    assert first.ensure(unreachable) is None and systemd.started == []
    systemd.state = "failed"
    assert first.ensure(lambda: False) and systemd.started == [UNIT]


class Ended(Exception):
    """The test has seen enough rounds."""


def test_the_archiver_doubts_its_base_after_whatever_may_have_made_a_gap(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds of `archive.run`: what it found, whether there was a base, what it told."""
    rounds: list[tuple[tuple[bool, str] | HostError, bool | None]] = [
        ((True, "1:1:"), False),
        ((False, "1:1:"), True),
        ((False, "1:1:"), None),
        (HostError("no route"), None),
        ((False, "2:2:"), False),
        ((False, "2:2:"), True),
        ((True, "2:2:"), True),
    ]
    told: list[tuple[bool, bool]] = []
    left = iter(rounds)

    class Archiver:
        based: bool | None = None

        def look(self) -> tuple[bool, str]:
            found, self.based = next(left)
            if isinstance(found, HostError):
                raise found
            return found

        def flush(self) -> archive.Flushed:
            """All that was written is in Spaces; the next round sees its mark as another's."""
            return archive.Flushed(cast(Any, None), 9)

        def close(self) -> None:
            """It holds nothing."""

        def has_base(self) -> bool:
            assert self.based is not None, "asked without a doubt"
            asked.append(len(told))
            return self.based

    def write(_: object, data: bytes, mode: int) -> None:
        state = form.decode(data.decode(), Archive)
        told.append((state.behind_since is not None, state.baseless_since is not None))

    def pause(_: float) -> None:
        if len(told) == len(rounds):
            raise Ended

    asked: list[int] = []
    monkeypatch.setattr(archive, "read", lambda: Archive(None))
    monkeypatch.setattr(archive, "write_atomic", write)
    monkeypatch.setattr(archive, "_give_up_when_full", lambda _: None)
    monkeypatch.setattr(archive.time, "sleep", pause)
    with pytest.raises(Ended):
        archive.run(cast(Any, Archiver))
    assert asked == [0, 1, 4, 5, 6]
    assert told == [
        *((False, True), (False, False), (False, False), (True, False)),
        *((False, True), (False, False), (False, False)),
    ]
