"""When a job may begin: what the latency profile and the faults of `state/faults.py` make of its time."""

from __future__ import annotations

import time

from localcloud.state.faults import Armed, Faults


class Pace:
    """When a job may begin: its action's latency after it could have, and not while a fault holds it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._due: dict[int, float] = {}
        self._stuck: dict[int, Armed] = {}

    def wait(self, job: int, action: str, droplet: str) -> float:
        """For how many seconds it must still wait; the first call starts its time."""
        now = time.monotonic()
        if job not in self._due:
            self._due[job] = now + (0.0 if self._faults.is_fast else self._faults.latency(action))
            if armed := self._faults.take(("stuck-action",), action=action, droplet=droplet):
                self._stuck[job] = armed
                self._due[job] += armed.fault.lasts
        elif job in self._stuck and not self._faults.is_armed(self._stuck[job]):
            del self._stuck[job]
            self._due[job] = now
        return max(0.0, self._due[job] - now)

    def forget(self, job: int) -> None:
        self._due.pop(job, None)
        self._stuck.pop(job, None)
