"""The lock that every computer sees, on a cloud in memory."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap.deployment import claim
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import CloudError, ConflictError, CredentialsError
from bootstrap_agent import waiting
from tests.fakes.world import World
from tests.waiting import until

PREFIX = "bootstrap:example_com:lock:"
OTHER = "elsewhere-00c0ffee"


class Clock:
    """Of all computers; it stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(claim, "_now", clock)
    monkeypatch.setattr(claim, "PAUSE_S", 0.0)
    return clock


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def locks(world: World) -> list[str]:
    return [tag.removeprefix(PREFIX) for tag in world.cloud.tags(PREFIX)]


def another_home(world: World, name: str = "another") -> Environment:
    return replace(world.env(), state_dir=world.folder / name)


def leave(world: World, holder: str, clock: Clock, ago_s: float = 0) -> str:
    """As a run that was killed does."""
    seen = f"{clock.now - timedelta(seconds=ago_s):%Y%m%d-%H%M%S}"
    world.cloud.create_tag(f"{PREFIX}{holder}:{seen}:{seen}")
    return f"{holder}:{seen}:{seen}"


def own_holder(world: World) -> str:
    with alone(world.env()):
        (name,) = locks(world)
    return name.partition(":")[0]


def test_a_tag_says_who_and_since_when_and_goes_with_the_run(world: World) -> None:
    with alone(world.env()):
        (name,) = locks(world)
        assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}:20261129-120000:20261129-120000", name)
        assert len(PREFIX + name) < 255 and re.fullmatch(r"[A-Za-z0-9:_-]+", PREFIX + name)
    assert locks(world) == []


def test_a_tag_says_what_is_done_and_another_run_hears_it(world: World) -> None:
    with alone(world.env(), "redeploy"):
        (name,) = locks(world)
        assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}_redeploy:20261129-120000:20261129-120000", name)
        with pytest.raises(ConflictError, match=r"since .* \(with `redeploy`, "), alone(another_home(world)):
            raise AssertionError("two at once")
    assert locks(world) == []


def test_the_holder_is_the_home_and_stays_the_same(world: World) -> None:
    assert own_holder(world) == own_holder(world)
    with alone(another_home(world)):
        (name,) = locks(world)
    assert not name.startswith(own_holder(world))


def test_another_computers_run_is_named_and_left_alone(world: World, clock: Clock) -> None:
    theirs = leave(world, OTHER, clock, ago_s=claim.STALE_S - 1)
    with pytest.raises(ConflictError, match=f"{OTHER} since 2026-11-29 11:50:01 UTC") as refused, alone(world.env()):
        raise AssertionError("two at once")
    assert refused.value.exit_code == 5 and refused.value.remedy
    assert locks(world) == [theirs]


def test_what_is_stale_is_taken_over_and_told(world: World, clock: Clock) -> None:
    leave(world, OTHER, clock, ago_s=claim.STALE_S + 1)
    with alone(world.env()):
        (name,) = locks(world)
        assert not name.startswith(OTHER)
    assert locks(world) == []
    assert any(text.startswith(f"taking over from {OTHER}") for text in world.progress.texts)


def test_a_dead_run_of_this_home_is_taken_over_at_once(world: World, clock: Clock) -> None:
    leave(world, own_holder(world), clock, ago_s=1)
    with alone(world.env()):
        (name,) = locks(world)
        assert name.endswith(":20261129-120000")
    assert locks(world) == []


def test_a_tag_that_no_run_made_is_nobodys_lock(world: World) -> None:
    names = ["somebody", "somebody:20269999-120000:20261129-120000", "a:b:c:d"]
    for name in names:
        world.cloud.create_tag(PREFIX + name)
    with alone(world.env()):
        pass
    assert locks(world) == sorted(names)


def between_the_lists(world: World, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> None:
    """What somebody else does after our first look."""
    make = world.cloud.create_tag
    done: list[bool] = []

    def create_tag(tag: str) -> None:
        make(tag)
        if not done:
            done.append(True)
            then()

    monkeypatch.setattr(world.cloud, "create_tag", create_tag)


def test_of_two_at_once_the_later_one_leaves(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    between_the_lists(world, monkeypatch, lambda: leave(world, OTHER, clock, ago_s=3))
    with pytest.raises(ConflictError, match=OTHER), alone(world.env()):
        raise AssertionError("two at once")
    (left,) = locks(world)
    assert left.startswith(OTHER)


@pytest.mark.parametrize("leaves", [True, False])
def test_the_earlier_one_waits_until_the_later_one_has_left(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    """One that does not leave had listed before our tag was there: it works."""
    theirs: list[str] = []
    between_the_lists(world, monkeypatch, lambda: theirs.append(leave(world, OTHER, clock, ago_s=-3)))
    if leaves:
        monkeypatch.setattr(waiting.time, "sleep", lambda _: world.cloud.delete_tag(PREFIX + theirs[0]))
        with alone(world.env()):
            assert len(locks(world)) == 1
        return
    monkeypatch.setattr(claim, "SETTLE_S", 0.0)
    with pytest.raises(ConflictError, match=OTHER), alone(world.env()):
        raise AssertionError("two at once")
    assert locks(world) == theirs


def test_a_list_that_lags_behind_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lists, seen = world.cloud.tags, 0

    def lagging(prefix: str) -> list[str]:
        nonlocal seen
        seen += 1
        return lists(prefix) if seen > 4 else []

    monkeypatch.setattr(world.cloud, "tags", lagging)
    with alone(world.env()):
        assert seen == 5
    assert locks(world) == []


def test_a_list_that_never_shows_it_lets_nobody_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "SETTLE_S", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(world.cloud, "tags", lambda prefix: [])
        with pytest.raises(CloudError, match="does not list the lock"), alone(world.env()):
            raise AssertionError("nobody knows who else is there")
    assert locks(world) == []


# --- renewal, and its loss


def test_it_is_renewed_while_the_run_lasts(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "RENEW_S", 0.01)
    with alone(world.env()):
        clock.passes(60)
        until(lambda: [name[-15:] for name in locks(world)] == ["20261129-120100"], "it is renewed", 10)
        assert locks(world)[0][-31:-16] == "20261129-120000", "since when stays"
    assert locks(world) == []


def test_no_step_begins_once_it_was_taken_over(world: World, clock: Clock) -> None:
    """The laptop slept, and somebody else went on."""
    with pytest.raises(claim.TakenOverError, match=OTHER) as stopped, alone(world.env()) as env:
        with env.progress.step("the first"):
            clock.passes(claim.STALE_S + 1)
        world.cloud.delete_tag(PREFIX + locks(world)[0])
        theirs = leave(world, OTHER, clock)
        with env.progress.step("the second"):
            raise AssertionError("it began")
    assert stopped.value.exit_code == 5 and locks(world) == [theirs]
    assert "the second" not in world.progress.texts


def test_a_computer_that_slept_and_was_not_missed_goes_on(world: World, clock: Clock) -> None:
    with alone(world.env()) as env:
        clock.passes(10 * claim.STALE_S)
        with env.progress.step("the next"):
            assert [name[-15:] for name in locks(world)] == [f"{clock.now:%Y%m%d-%H%M%S}"]
    assert locks(world) == []


def test_while_the_api_is_silent_for_long_no_step_begins(world: World, clock: Clock) -> None:
    with pytest.raises(CloudError, match="down"), alone(world.env()) as env:
        clock.passes(claim.STALE_S)
        world.effects.trips = lambda what: CloudError("down") if what.startswith("create tag") else None
        with env.progress.step("the next"):
            raise AssertionError("somebody may have taken over")


# --- calls that fail


def test_a_release_that_fails_once_is_tried_again(world: World) -> None:
    failures = iter([CloudError("oops")])
    world.effects.trips = lambda what: next(failures, None) if what.startswith("delete tag") else None
    with alone(world.env()):
        pass
    assert locks(world) == [] and world.progress.texts == []


@pytest.mark.parametrize("error", [CloudError("the cloud is down"), CredentialsError("no tag:delete")])
def test_a_release_that_fails_hides_neither_answer_nor_failure(world: World, error: Exception) -> None:
    world.effects.trips = lambda what: error if what.startswith("delete tag") else None
    with alone(world.env()):
        pass
    (told,) = world.progress.texts
    assert told.startswith(f"warning: the lock {PREFIX}") and "10 min" in told
    world.effects.trips = lambda _: None
    with pytest.raises(KeyError, match="its own"), alone(world.env()):
        assert len(locks(world)) == 1, "what was left is taken over"
        world.effects.trips = lambda what: error if what.startswith("delete tag") else None
        raise KeyError("its own")


def test_a_lock_that_failed_and_was_made_all_the_same_does_not_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = world.cloud.create_tag

    def create_tag(tag: str) -> None:
        make(tag)
        raise CloudError("no answer")

    monkeypatch.setattr(world.cloud, "create_tag", create_tag)
    with pytest.raises(CloudError, match="no answer"), alone(world.env()):
        raise AssertionError("it began")
    assert locks(world) == []


# --- every order of two runs' calls


class Turns:
    """Two runs in threads, which make a call each time that it is their turn."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside: list[str] = []
        self._world, self._turns = world, {name: threading.Semaphore(0) for name in "ab"}
        self._waits = threading.Semaphore(0)
        self._ended: set[str] = set()
        self._leave = threading.Event()
        for call in ("tags", "create_tag", "delete_tag"):
            monkeypatch.setattr(world.cloud, call, self._in_turn(getattr(world.cloud, call)))

    def _in_turn(self, call: Callable[[str], object]) -> Callable[[str], object]:
        def waiting(text: str) -> object:
            if (name := threading.current_thread().name) in self._turns:
                self._waits.release()
                assert self._turns[name].acquire(timeout=10)
            return call(text)

        return waiting

    def _run(self) -> None:
        name = threading.current_thread().name
        try:
            with alone(another_home(self._world, name)):
                self.inside.append(name)
                self._ended.add(name)
                self._waits.release()
                assert self._leave.wait(10)
        except ConflictError:
            self._ended.add(name)
            self._waits.release()

    def play(self, order: Iterator[str]) -> None:
        threads = [threading.Thread(target=self._run, name=name) for name in "ab"]
        for thread in threads:
            thread.start()
            assert self._waits.acquire(timeout=10)
        for name in order:
            if self._ended == {"a", "b"}:
                break
            if name not in self._ended:
                self._turns[name].release()
                assert self._waits.acquire(timeout=10)
        for turn in self._turns.values():
            for _ in range(100):
                turn.release()
        self._leave.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


class Looks(threading.local):
    """A clock by which each look of a run takes a second."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1
        return self.now

    def sleep(self, seconds: float) -> None:
        pass


@pytest.mark.parametrize("later", ["", "a", "b"])
def test_in_whatever_order_two_runs_call_one_of_them_gets_in(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    """Up to their sixth calls; then they take turns. The clocks of the two are the same, or one is ahead."""
    ahead = {"a": 3.0 * (later == "a"), "b": 3.0 * (later == "b")}

    def now() -> datetime:
        return clock.now + timedelta(seconds=ahead.get(threading.current_thread().name, 0))

    monkeypatch.setattr(claim, "_now", now)
    monkeypatch.setattr(waiting, "time", Looks())
    for number, firsts in enumerate(itertools.combinations(range(8), 4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            world = World(folder)
            turns = Turns(world, patch)
            turns.play(itertools.chain(("a" if place in firsts else "b" for place in range(8)), itertools.cycle("ab")))
        assert len(turns.inside) == 1, firsts
        assert locks(world) == []
