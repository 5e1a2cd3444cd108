"""Where a replacement stands, from what the cloud says and, where the cloud cannot tell, from the journal."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.operations.redeploy.journal import Entry
from bootstrap.operations.redeploy.table import FINAL, GOING_BACK, ONLY_FORWARD, State

_READY = (State.CANDIDATE_READY, State.PREFLIGHTED, State.VOLUME_SNAPSHOTTED)


@dataclass(frozen=True)
class Standing:
    """What the cloud says of a replacement, by ids of droplets. `live` and `candidate` are the same one in the middle
    of the swap of their tags; `retired_running` is a retired droplet that nobody powered off yet."""

    live: int | None
    candidate: int | None
    retired_running: int | None
    volume_at: int | None
    address_at: int | None


def resume(standing: Standing, last: Entry | None, *, checked_first: bool = False) -> State:
    """A state whose following actions are safe from here; they are idempotent, so an earlier one costs only time.
    `checked_first`: the address moves after the check only, as in a rollback with data: so it says that people write
    there, whatever the journal knows."""
    if standing.candidate is None:
        return _without_candidate(standing, last)
    journal = last.state if last is not None and last.facts.get("candidate") == standing.candidate else None
    address_moved = standing.address_at == standing.candidate
    if standing.candidate == standing.live:
        return State.CUTOVER
    if address_moved and (checked_first or standing.live is None or journal in ONLY_FORWARD):
        return State.CUTOVER
    if journal in GOING_BACK:
        return _going_back(standing, journal)
    if standing.volume_at == standing.candidate:
        return State.VOLUME_MOVED
    if standing.volume_at is None:
        return State.LIVE_STOPPED
    if address_moved or journal in (State.QUIET, State.LIVE_STOPPED):
        # Live may serve again since it was stopped: it is stopped again, and as somebody may wait, soon.
        return State.VOLUME_SNAPSHOTTED
    return journal if journal in _READY else State.CANDIDATE_CREATED


def _without_candidate(standing: Standing, last: Entry | None) -> State:
    if standing.live is not None and standing.volume_at != standing.live:
        return State.CANDIDATE_STOPPED
    if standing.retired_running is not None and not _ended_with(last, standing.live):
        return State.SWAPPED
    if last is None or last.state in FINAL or standing.live is None:
        return State.IDLE
    if last.state in (State.SWAPPED, State.CONFIRMED):
        return last.state if last.facts.get("candidate") == standing.live else State.IDLE
    if last.facts.get("live") != standing.live or last.state in (State.IDLE, State.CANDIDATE_CREATED):
        return State.IDLE
    # The candidate went away, after live was perhaps stopped for it.
    return State.LIVE_SERVING if last.state is State.LIVE_SERVING else State.VOLUME_RETURNED


def _ended_with(last: Entry | None, live: int | None) -> bool:
    """That replacement is over: a retired droplet that runs was kept, and powered on by hand."""
    if last is None or last.state not in FINAL:
        return False
    return last.facts.get("candidate" if last.state is State.RETIRED else "live") == live


def _going_back(standing: Standing, journal: State) -> State:
    if standing.volume_at == standing.candidate:
        return State.GIVING_BACK
    if standing.volume_at is None:
        return State.CANDIDATE_STOPPED
    return State.LIVE_SERVING if journal is State.LIVE_SERVING else State.VOLUME_RETURNED
