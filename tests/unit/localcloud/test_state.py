from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.state.database import State, Transaction
from localcloud.state.model import Domain, Job, Row, Tag


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def names(state: State) -> list[str]:
    with state.change() as tx:
        return [tag.name for tag in tx.all(Tag)]


def test_what_was_committed_is_there_after_a_crash(path: Path) -> None:
    state = State(path)
    with state.change() as tx:
        job = tx.enqueue("volume.attach", "volume:a", "droplet:1", volume="a", droplet=1)
        tx.put(Tag(name="b"))
        tx.put(Tag(name="a"))
    # not closed: as SIGKILL leaves it
    again = State(path)
    assert names(again) == ["b", "a"], "in the order of creation"
    with again.change() as tx:
        assert tx.all(Job) == [job]
        assert tx.next_number("job", 1) == job.id + 1


def test_an_exception_undoes_the_whole_transaction(path: Path) -> None:
    state = State(path)
    with state.change() as tx:
        tx.put(Tag(name="kept"))
    with pytest.raises(ValueError), state.change() as tx:
        tx.put(Tag(name="new"))
        tx.delete(Tag(name="kept"))
        raise ValueError
    assert names(state) == ["kept"]
    assert names(State(path)) == ["kept"]


def test_an_update_keeps_the_place_in_the_order(path: Path) -> None:
    state = State(path)
    with state.change() as tx:
        first = tx.put(Domain(name="a.test"))
        tx.put(Domain(name="b.test"))
        tx.update(first, ttl=60)
    for known in (state, State(path)):
        with known.change() as tx:
            assert [(domain.name, domain.ttl) for domain in tx.all(Domain)] == [("a.test", 60), ("b.test", 1800)]


def test_listeners_hear_commits_only(path: Path) -> None:
    state = State(path)
    heard: list[frozenset[type[Row]]] = []

    def listen(tx: Transaction, kinds: frozenset[type[Row]]) -> None:
        heard.append(kinds)

    state.listen(listen)
    with state.change() as tx:
        tx.all(Tag)
    with pytest.raises(ValueError), state.change() as tx:
        tx.put(Tag(name="no"))
        raise ValueError
    with state.change() as tx:
        tx.put(Tag(name="yes"))
    assert heard == [frozenset({Tag})]


def test_nobody_else_reads_the_state(path: Path) -> None:
    State(path)
    assert path.stat().st_mode & 0o777 == 0o600
