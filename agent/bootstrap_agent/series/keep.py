"""The series on the data volume: one file, written whole, in which counts and the place in the log change together, so
that no kill counts a line twice or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from bootstrap_agent.contract import paths
from bootstrap_agent.contract.series import SERIES_S, Point, Requests, Series
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import note
from bootstrap_agent.series import lines, log

# six weeks
MOST = 6 * 7 * 24 * 3600 // SERIES_S
# of clocks that differ
AHEAD_S = 3600


class State(msgspec.Struct, frozen=True):
    """`traffic`: of the period that begins at this time, requests and how many of them were 4xx and 5xx."""

    points: tuple[Point, ...] = ()
    traffic: dict[int, tuple[int, int, int]] = {}
    place: log.Place = log.Place()


def sample(now: datetime, path: Path = paths.SERIES, data: Path = paths.DATA, meminfo: Path | None = None) -> None:
    """Once in a period, however often it is called."""
    state, at = recall(path), int(now.timestamp())
    if state.points and state.points[-1].at // SERIES_S == at // SERIES_S:
        return
    text = (meminfo or Path("/proc/meminfo")).read_text()
    point = Point(at, _used(data), _used(Path("/")), _memory(text))
    # a clock that was set back must not stop it
    points = (*(one for one in state.points if one.at < at), point)[-MOST:]
    traffic, place = counted(state.traffic, state.place, access_log(data), at)
    write_atomic(path, msgspec.json.encode(State(points, traffic, place)) + b"\n", 0o600)


def counted(
    traffic: dict[int, tuple[int, int, int]], place: log.Place, path: Path | None, at: int
) -> tuple[dict[int, tuple[int, int, int]], log.Place]:
    """With what the log says since; of lines that are older than all that is kept, or of the future, nothing."""
    fresh = dict(traffic)
    if path is not None:
        place = log.read_on(path, place, _counter(fresh, at))
    oldest = at - MOST * SERIES_S
    return {begin: counts for begin, counts in sorted(fresh.items()) if begin > oldest}, place


def _counter(traffic: dict[int, tuple[int, int, int]], at: int) -> Callable[[bytes], None]:
    oldest, newest = at - MOST * SERIES_S, at + AHEAD_S

    def take(line: bytes) -> None:
        found = lines.read(line)
        if found is None or not oldest < found[0] < newest:
            return
        begin = int(found[0]) // SERIES_S * SERIES_S
        requests, refused, failed = traffic.get(begin, (0, 0, 0))
        traffic[begin] = (requests + 1, refused + (400 <= found[1] < 500), failed + (found[1] >= 500))

    return take


def access_log(data: Path = paths.DATA) -> Path | None:
    """What a service writes into a volume named …_logs, as logrotate knows them; of several the proxy's."""
    found = sorted(data.glob("*_logs/*access*.log"), key=lambda path: (path.name != "access.log", str(path)))
    return next((path for path in found if "nginx" in str(path)), next(iter(found), None))


def series(path: Path = paths.SERIES, data: Path = paths.DATA) -> Series:
    state, found = recall(path), access_log(data)
    return Series(
        period_s=SERIES_S,
        points=state.points,
        requests=tuple(Requests(begin, *counts) for begin, counts in sorted(state.traffic.items())),
        log=str(found) if found else None,
    )


def recall(path: Path = paths.SERIES) -> State:
    """What cannot be read is as good as none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except msgspec.MsgspecError as error:
        note(f"{path}: begun anew: {error}")
        return State()


def _used(path: Path) -> int:
    """Percent, as `df` says it."""
    stats = os.statvfs(path)
    used = stats.f_blocks - stats.f_bfree
    return round(100 * used / (used + stats.f_bavail)) if used + stats.f_bavail else 0


def _memory(meminfo: str) -> int:
    """Percent that is not available."""
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in meminfo.splitlines() if ":" in line}
    return round(100 - 100 * kib["MemAvailable"] / kib["MemTotal"])
