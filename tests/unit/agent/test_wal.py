"""Names of the log's segments, and which of them a backup needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap_agent.contract import wal
from bootstrap_agent.contract.errors import BackupError

SIZES = st.sampled_from([1 << power for power in range(20, 31)])
NUMBERS = st.integers(0, 1 << 30)
TIMELINES = st.integers(1, 0xFFFF)


@given(SIZES, NUMBERS, TIMELINES)
def test_a_name_says_its_number_and_timeline(size: int, number: int, timeline: int) -> None:
    name = wal.name(timeline, number, size)
    assert wal.is_segment(name) and not wal.is_history(name)
    assert (wal.number(name, size), wal.timeline(name)) == (number, timeline)


def test_names_are_postgresqls() -> None:
    """As `pg_walfile_name` says on a server with segments of 16 MiB."""
    assert wal.name(1, 0x3E8 * 256 + 0xFF, 16 << 20) == "00000001000003E8000000FF"
    assert list(wal.between("0000000100000000000000FE", "000000010000000100000001", 16 << 20)) == [
        "0000000100000000000000FE",
        "0000000100000000000000FF",
        "000000010000000100000000",
        "000000010000000100000001",
    ]
    assert wal.is_history("00000002.history")


@given(SIZES, NUMBERS, TIMELINES, st.integers(1, 20), st.integers(0, 19))
def test_a_chain_ends_at_its_first_gap(size: int, first: int, timeline: int, count: int, gap: int) -> None:
    names = [wal.name(timeline, first + which, size) for which in range(count)]
    present = [name for which, name in enumerate(names) if which != gap]
    assert wal.chain(names[0], [*present, wal.name(timeline + 1, first, size)], size) == names[: min(gap, count)]
    if gap < count:
        with pytest.raises(BackupError, match="gap"):
            wal.require(names[0], names[-1], present, size)
    else:
        wal.require(names[0], names[-1], present, size)
