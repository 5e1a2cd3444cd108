"""The pre-flight: the candidate brings up the whole release on a copy of the data, before anybody waits.

What fails here never touches live. What it takes foretells the hold: one that
would be longer than its bound is refused.
"""

from __future__ import annotations

import time

from bootstrap.deployment import remote
from bootstrap.errors import UnhealthyError, UsageError
from bootstrap.operations.redeploy import copies
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap.ports.cloud import Volume
from bootstrap_agent.contract import answers

# what only the hold shows: the old stack's stop, and the address's move
STOP_S, CAREFUL_STOP_S, ADDRESS_S = 3.0, 6.0, 1.0


def preflight(work: Replacement) -> None:
    copies.delete(work)
    began = time.monotonic()
    copy = copies.make(work)
    work.env.cloud.wait_until_quiet([work.new_droplet().id], copy.id)
    attaching = time.monotonic()
    work.env.cloud.attach_volume(copy.id, work.new_droplet().id)
    attach_s = time.monotonic() - attaching
    found = _fly(work, copy)
    detaching = time.monotonic()
    work.env.cloud.detach_volume(copy.id, work.new_droplet().id)
    detach_s = time.monotonic() - detaching
    copies.delete(work)
    if found is not None:
        _foretell(work, found, attach_s + detach_s)
    work.env.progress.note(f"pre-flight: {time.monotonic() - began:.0f} s")


def _fly(work: Replacement, copy: Volume) -> answers.Preflight | None:
    host = work.host(work.new_droplet())
    try:
        # jobs that take longer than visitors may wait need not be seen to their end
        order = answers.PreflightOrder(jobs_s=work.env.settings.hold_bound_s)
        return remote.agent(host, answers.PREFLIGHT, copy.name, stdin=order, timeout_s=remote.STACK_S)
    except UsageError:
        work.env.progress.warn("the image is an earlier one: nothing is tried on a copy of the data")
        return None


def _foretell(work: Replacement, found: answers.Preflight, provider_s: float) -> None:
    bound, careful = work.env.settings.hold_bound_s, work.stack.bootstrap.handover is None
    stop_s = CAREFUL_STOP_S if careful else STOP_S
    work.predicted_hold_s = stop_s + provider_s + found.start_s + ADDRESS_S
    if work.predicted_hold_s > bound:
        jobs = found.seconds.get("jobs", 0.0)
        raise UnhealthyError(
            f"visitors would wait some {work.predicted_hold_s:.0f} s, longer than hold_bound_s ({bound} s): "
            f"the release needs {found.start_s:.0f} s to start on these data, its jobs {jobs:.0f} s",
            "where they may wait so long: hold_bound_s in bootstrap.yaml",
        )
