"""Disk, memory and requests: the access log is read on, each line once, however it is written and rotated."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap_agent.contract.series import SERIES_S
from bootstrap_agent.series import keep, lines, log

NOW = datetime(2026, 11, 29, 12, 7, 30, tzinfo=timezone.utc)
AT = int(NOW.timestamp())
MEMINFO = "MemTotal: 2000 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\n"


def written(at: datetime, status: int, path: str = "/") -> bytes:
    """As stack/nginx/nginx.conf writes it."""
    return json.dumps({"time": at.isoformat(), "request_id": "1", "path": path, "status": status}).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b'{"time":"2026-11-29T12:07:30+00:00","request_id":"a","path":"/","status":200,"bytes":1}', 200),
        (b'{"time_iso8601":"2026-11-29T13:07:30+01:00","status":"404"}', 404),
        (b'{"level":"info","ts":1795954050.0,"status":502}', 502),
        (b'{"time":"2026-11-29T12:07:30Z","DownstreamStatus":301}', 301),
        (b'192.0.2.1 - - [29/Nov/2026:12:07:30 +0000] "GET / HTTP/1.1" 200 612 "-" "curl"', 200),
        (b'192.0.2.1 - ada [29/Nov/2026:07:07:30 -0500] "GET /a\\"b HTTP/2.0" 503 0', 503),
    ],
)
def test_the_usual_formats_are_read(line: bytes, status: int) -> None:
    assert lines.read(line) == (AT, status)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"{}",
        b'{"time":"yesterday","status":200}',
        b'{"time":"2026-11-29T12:07:30","status":200}',
        b'{"time":"2026-11-29T12:07:30Z","status":"200 OK"}',
        b'{"time":"2026-11-29T12:07:30Z","status":42}',
        b'192.0.2.1 - - [31/Feb/2026:12:07:30 +0000] "GET / HTTP/1.1" 200 1',
        b"\xff\xfe started",
    ],
)
def test_what_is_no_request_is_none(line: bytes) -> None:
    assert lines.read(line) is None


@given(st.binary(max_size=300))
def test_no_bytes_stop_it(line: bytes) -> None:
    lines.read(line)
    lines.read(b"{" + line)


def rotate(path: Path, how: str) -> None:
    """As logrotate does, nothing compressed."""
    older = sorted(path.parent.glob(f"{path.name}.*"), key=lambda one: -int(one.suffix[1:]))
    for one in older:
        one.rename(one.with_suffix(f".{int(one.suffix[1:]) + 1}"))
    first = path.with_name(f"{path.name}.1")
    if how == "rename":
        path.rename(first)
        path.touch()
    else:
        first.write_bytes(path.read_bytes())
        path.write_bytes(b"")


ACTIONS = st.one_of(
    st.integers(1, 400).map(lambda count: ("write", count)),
    st.sampled_from([("rotate", "rename"), ("rotate", "copytruncate")]),
    st.sampled_from([("look", log.MOST), ("look", 100)]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=40), st.integers(1, 200))
def test_each_line_is_taken_once_however_it_is_cut_and_rotated(actions: list[tuple[str, object]], longest: int) -> None:
    """`write` appends so many bytes, in the midst of lines too; a rotation comes where a line has ended, as a server
    writes a line at once."""
    content = b"".join(b"%d " % n + b"x" * (n * 7 % longest) + b"\n" for n in range(2000))
    taken: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        path, place, at = Path(folder) / "access.log", log.Place(), 0
        path.touch()
        for what, how in [*actions, ("write", 1)]:
            if what == "write":
                assert isinstance(how, int)
                with path.open("ab") as file:
                    file.write(content[at : at + how])
                at += how
            elif what == "rotate":
                end = content.index(b"\n", at - 1) + 1 if at else 0
                with path.open("ab") as file:
                    file.write(content[at:end])
                at = end
                if path.stat().st_size:
                    rotate(path, str(how))
            else:
                assert isinstance(how, int)
                place = log.read_on(path, place, taken.append, how)
        while (place := log.read_on(path, before := place, taken.append)) != before:
            pass
    assert taken == content[: content.rfind(b"\n", 0, at) + 1].splitlines(keepends=True)


def test_a_log_that_vanished_is_begun_at_its_successor_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    path, taken = tmp_path / "access.log", []
    path.write_bytes(b"1\n2\n")
    place = log.read_on(path, log.Place(), taken.append)
    path.rename(tmp_path / "access.log.2.gz")
    (tmp_path / "access.log.1").write_bytes(b"3\n")
    path.write_bytes(b"4\n")
    log.read_on(path, place, taken.append)
    assert taken == [b"1\n", b"2\n", b"4\n"]


def test_a_line_without_end_takes_no_memory_and_hides_no_other(tmp_path: Path) -> None:
    path, taken = tmp_path / "access.log", []
    path.write_bytes(b"x" * (3 * log.LONGEST + 5) + b"\n" + written(NOW, 200))
    log.read_on(path, log.Place(), taken.append)
    assert max(map(len, taken)) == log.LONGEST and taken[-1] == written(NOW, 200)


def stored(tmp_path: Path, *content: bytes) -> Path:
    (tmp_path / "nginx_logs").mkdir(exist_ok=True)
    with (tmp_path / "nginx_logs" / "access.log").open("ab") as file:
        file.writelines(content)
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path / "series.json"


def sample(tmp_path: Path, now: datetime) -> None:
    keep.sample(now, tmp_path / "series.json", tmp_path, tmp_path / "meminfo")


def test_a_figure_in_a_period_and_each_request_in_its_own(tmp_path: Path) -> None:
    early = NOW - timedelta(minutes=20)
    path = stored(tmp_path, written(early, 200), written(NOW, 200), written(NOW, 404), written(NOW, 502))
    sample(tmp_path, NOW)
    sample(tmp_path, NOW + timedelta(minutes=5))
    told = keep.series(path, tmp_path)
    (point,) = told.points
    assert (point.at, point.memory) == (AT, 75) and 0 <= point.data <= 100
    assert [tuple(vars_of(one)) for one in told.requests] == [
        (AT // SERIES_S * SERIES_S - 2 * SERIES_S + SERIES_S, 1, 0, 0),
        (AT // SERIES_S * SERIES_S, 3, 1, 1),
    ]
    assert told.log == str(tmp_path / "nginx_logs" / "access.log")
    # late ones of a period that was counted
    stored(tmp_path, written(NOW, 200))
    sample(tmp_path, NOW + timedelta(minutes=15))
    told = keep.series(path, tmp_path)
    assert len(told.points) == 2 and told.requests[-1].requests == 4


def vars_of(one: object) -> list[int]:
    return [getattr(one, name) for name in ("begin", "requests", "refused", "failed")]


def test_it_is_bounded_and_a_clock_that_was_set_back_does_not_stop_it(tmp_path: Path) -> None:
    path = stored(tmp_path, written(NOW - timedelta(days=60), 200), written(NOW + timedelta(days=1), 200))
    for n in range(keep.MOST + 3):
        keep_point(path, n)
    sample(tmp_path, NOW)
    told = keep.series(path, tmp_path)
    assert len(told.points) == keep.MOST and told.requests == ()
    sample(tmp_path, NOW - timedelta(days=1))
    assert [one.at for one in keep.series(path, tmp_path).points][-1] == AT - 86400


def keep_point(path: Path, n: int) -> None:
    import msgspec

    if n:
        return
    points = tuple(keep.Point(AT - (keep.MOST + 3 - number) * SERIES_S, 1, 1, 1) for number in range(keep.MOST + 3))
    path.write_bytes(msgspec.json.encode(keep.State(points)))


def test_a_stack_without_a_log_and_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "series.json").write_bytes(b"{")
    sample(tmp_path, NOW)
    told = keep.series(tmp_path / "series.json", tmp_path)
    assert (len(told.points), told.requests, told.log) == (1, (), None)


def test_of_several_logs_the_proxys_is_counted(tmp_path: Path) -> None:
    for name in ("app_logs/access.log", "nginx_logs/other-access.log", "nginx_logs/access.log", "nginx_logs/error.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert keep.access_log(tmp_path) == tmp_path / "nginx_logs" / "access.log"


MOMENTS = st.integers(-4 * SERIES_S, 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(MOMENTS, st.sampled_from([200, 404, 500])), max_size=30), st.lists(st.integers(0, 30)))
def test_the_counts_are_those_of_the_whole_log_whenever_it_was_looked_at(
    requests: list[tuple[int, int]], looks: list[int]
) -> None:
    expected = Counter((AT + ago) // SERIES_S * SERIES_S for ago, _ in requests)
    traffic: dict[int, tuple[int, int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, place = Path(folder) / "access.log", log.Place()
        for n, (ago, status) in enumerate(requests):
            with path.open("ab") as file:
                file.write(written(NOW + timedelta(seconds=ago), status, f"/{n}"))
            for _ in range(looks.count(n)):
                traffic, place = keep.counted(traffic, place, path, AT)
        traffic, place = keep.counted(traffic, place, path, AT)
    assert {begin: counts[0] for begin, counts in traffic.items()} == expected
    assert sum(counts[1] for counts in traffic.values()) == sum(status == 404 for _, status in requests)
    assert sum(counts[2] for counts in traffic.values()) == sum(status == 500 for _, status in requests)
