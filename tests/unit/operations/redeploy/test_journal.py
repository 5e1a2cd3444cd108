from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.operations.redeploy.journal import Journal
from bootstrap.operations.redeploy.table import State

FACTS = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=4
)
WRITTEN = st.lists(st.tuples(st.sampled_from(State), FACTS), min_size=1, max_size=6)


@settings(deadline=None)  # a busy host is no failure
@given(WRITTEN)
def test_replays_what_was_written(written: list[tuple[State, dict[str, object]]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "key" / "replacement.jsonl"
        for state, facts in written:
            Journal(path).append(state, facts)
        assert [(entry.state, entry.facts) for entry in Journal(path).entries()] == written
        assert path.stat().st_mode & 0o777 == 0o600


@settings(deadline=None)  # a busy host is no failure
@given(WRITTEN, st.data())
def test_a_torn_end_loses_only_the_last_line_and_the_next_one_is_whole(
    written: list[tuple[State, dict[str, object]]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "replacement.jsonl"
        for state, facts in written:
            Journal(path).append(state, facts)
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        assert len(Journal(path).entries()) == whole
        Journal(path).append(State.RETIRED, {"candidate": 7})
        after = [(entry.state, entry.facts) for entry in Journal(path).entries()]
        assert after == [*written[:whole], (State.RETIRED, {"candidate": 7})]


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none" / "replacement.jsonl").last() is None


def test_a_state_of_another_version_is_left_to_the_cloud(tmp_path: Path) -> None:
    path = tmp_path / "replacement.jsonl"
    Journal(path).append(State.IDLE, {})
    with path.open("a") as file:
        file.write('{"state": "holding", "time": "2030-01-01T00:00:00Z", "facts": {}}\n')
    last = Journal(path).last()
    assert last is not None and last.state is State.IDLE
