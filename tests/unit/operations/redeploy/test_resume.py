from __future__ import annotations

import pytest

from bootstrap.operations.redeploy.journal import Entry
from bootstrap.operations.redeploy.resume import Standing, resume
from bootstrap.operations.redeploy.table import GOING_BACK, ONLY_FORWARD, State

LIVE, CANDIDATE, RETIRED = 1, 2, 3


def facts(**changes: int | None) -> Standing:
    usual: dict[str, int | None] = {
        "live": LIVE, "candidate": CANDIDATE, "retired_running": None, "volume_at": LIVE, "address_at": LIVE
    }  # fmt: skip
    return Standing(**{**usual, **changes})


def entry(state: State, candidate: int | None = CANDIDATE, live: int | None = LIVE) -> Entry:
    return Entry(state, "2026-11-24T16:00:00Z", {"candidate": candidate, "live": live})


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (facts(candidate=None), State.IDLE),
        (facts(), State.CANDIDATE_CREATED),
        (facts(volume_at=None), State.LIVE_STOPPED),
        (facts(volume_at=CANDIDATE), State.VOLUME_MOVED),
        (facts(volume_at=None, address_at=CANDIDATE), State.LIVE_STOPPED),
        (facts(volume_at=CANDIDATE, address_at=CANDIDATE), State.VOLUME_MOVED),
        (facts(address_at=CANDIDATE), State.VOLUME_SNAPSHOTTED),
        (facts(live=None, volume_at=CANDIDATE, address_at=CANDIDATE), State.CUTOVER),
        (facts(live=CANDIDATE, volume_at=CANDIDATE, address_at=CANDIDATE), State.CUTOVER),
        (facts(candidate=None, retired_running=RETIRED), State.SWAPPED),
        (facts(candidate=None, volume_at=None), State.CANDIDATE_STOPPED),
    ],
)
def test_without_a_journal_the_cloud_says_where_it_is(seen: Standing, state: State) -> None:
    assert resume(seen, None) is state


@pytest.mark.parametrize("state", list(State))
def test_once_live_gave_up_its_role_no_journal_turns_back(state: State) -> None:
    for live in (None, CANDIDATE):
        assert resume(facts(live=live, volume_at=CANDIDATE, address_at=CANDIDATE), entry(state)) is State.CUTOVER


def test_the_address_comes_before_the_data_so_only_the_journal_says_that_it_was_checked() -> None:
    both = facts(volume_at=CANDIDATE, address_at=CANDIDATE)
    for checked in ONLY_FORWARD:
        assert resume(both, entry(checked)) is State.CUTOVER
    for earlier in (State.LIVE_STOPPED, State.VOLUME_MOVED, State.CANDIDATE_UP, State.HEALTHY):
        assert resume(both, entry(earlier)) is State.VOLUME_MOVED
    assert resume(both, entry(State.CUTOVER, candidate=99)) is State.VOLUME_MOVED


@pytest.mark.parametrize("state", [None, *State])
def test_where_it_moves_after_the_check_the_address_alone_says_so(state: State | None) -> None:
    """What people write there is not given up, though the journal is lost, or was not written any more."""
    seen = facts(volume_at=CANDIDATE, address_at=CANDIDATE)
    assert resume(seen, entry(state) if state else None, checked_first=True) is State.CUTOVER


@pytest.mark.parametrize("state", sorted(GOING_BACK))
@pytest.mark.parametrize("volume_at", [LIVE, CANDIDATE, None])
@pytest.mark.parametrize("address_at", [LIVE, CANDIDATE, None])
def test_what_was_going_back_goes_on_going_back(state: State, volume_at: int | None, address_at: int | None) -> None:
    assert resume(facts(volume_at=volume_at, address_at=address_at), entry(state)) in GOING_BACK


def test_a_journal_of_another_candidate_is_not_believed() -> None:
    assert resume(facts(), entry(State.GIVING_BACK, candidate=99)) is State.CANDIDATE_CREATED


def test_live_is_stopped_again_as_it_may_have_rebooted() -> None:
    for stopped in (State.QUIET, State.LIVE_STOPPED):
        assert resume(facts(), entry(stopped)) is State.VOLUME_SNAPSHOTTED


def test_a_candidate_that_went_away_leaves_live_to_be_started() -> None:
    assert resume(facts(candidate=None), entry(State.LIVE_STOPPED)) is State.VOLUME_RETURNED


@pytest.mark.parametrize("done", [entry(State.RETIRED, LIVE, RETIRED), entry(State.GIVEN_BACK, RETIRED, LIVE)])
def test_a_kept_droplet_that_was_powered_on_by_hand_is_no_interrupted_run(done: Entry) -> None:
    assert resume(facts(candidate=None, retired_running=RETIRED), done) is State.IDLE
