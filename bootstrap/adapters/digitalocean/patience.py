"""For how long, and how often, a request is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import stamina

from bootstrap.adapters.digitalocean.failures import Pending, Refused
from bootstrap.errors import CloudError

# its own hook logs each retry without saying of what; `Attempts` tells the first one of each request
stamina.instrumentation.set_on_retry_hooks([])

# 20 a minute, of the 250 requests that are allowed
PENDING_PAUSE_S = 3.0
Backoff = Callable[[Exception], bool | float]


@dataclass(frozen=True)
class Patience:
    """For how many seconds: a connection, an answer, one request with its repetitions, one action. `command_s` is what
    all repetitions of a command may cost together: an API that fails every second time would hold it for hours.
    `pending_s` is how long a droplet's other event is waited for, beside all that: the provider's own clients give it
    5 minutes (Terraform) or 6 (Packer). `lists_s` is how far a list may be behind what was created."""

    connect_s: float = 10
    read_s: float = 60
    request_s: float = 120
    action_s: float = 600
    command_s: float = 600
    pending_s: float = 360
    lists_s: float = 15
    # before the first repetition; it doubles, and up to `jitter_s` comes on top
    pause_s: float = 0.1
    jitter_s: float = 1


class Attempts:
    """The repetitions of one command: each of its requests takes from what they may cost together."""

    def __init__(self, patience: Patience, note: Callable[[str], None]) -> None:
        self._patience, self._note = patience, note
        # by failed requests and the pauses after them, of `patience.command_s`
        self._lost_s = 0.0

    def of_request(self, retryable: Backoff) -> Any:
        """For as long as the request's and the command's patience last. Whoever waits wants to know why: noted once."""
        noted, since = False, time.monotonic()
        began = since

        def hook(error: Exception) -> bool | float:
            nonlocal noted, since
            again = retryable(error)
            if again is False:
                return False
            now = time.monotonic()
            if isinstance(error, Pending):
                left = began + self._patience.pending_s - now
                # soon at first: who waits may hold up visitors
                again = min(PENDING_PAUSE_S, max(self._patience.pause_s, (now - began) / 2))
            else:
                self._lost_s += now - since
                left = min(began + self._patience.request_s - now, self._patience.command_s - self._lost_s)
            since = now
            if left <= (0 if again is True else again):
                return False
            if not noted:
                noted = True
                self._note(f"{error}; trying again for up to {left:.0f} s")
            return again

        # the hook alone decides when it ends
        return stamina.retry_context(
            on=hook,
            attempts=None,
            timeout=None,
            wait_initial=self._patience.pause_s,
            wait_max=30,
            wait_jitter=self._patience.jitter_s,
        )


def refused(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds: only what had no effect for certain."""
    if not isinstance(error, Refused):
        return False
    # clients that were refused together do not come back together
    return error.after_s + random.uniform(0, 0.5) if error.after_s is not None else True  # noqa: S311


def uncertain(error: Exception) -> bool | float:
    """The same for a request that may be made twice."""
    return refused(error) or (isinstance(error, CloudError) and error.retryable)
