"""The deployment as a visitor sees it. Implementation: `adapters/http.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class WebAnswer:
    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Sample:
    """One request, or of several that followed each other the one that waited longest: `at` seconds after the prober
    started it was sent, and `waited` so long for an answer that was right, or not."""

    at: float
    waited: float
    right: bool


@dataclass(frozen=True)
class ProbeReport:
    """What a prober counted: `outage_s` is the longest stretch between two answers that were right, `longest_s` the
    longest that a right answer was waited for. It `started` by the monotonic clock."""

    requests: int
    failed: int
    outage_s: float
    longest_s: float
    first_failure: str | None
    samples: tuple[Sample, ...] = ()
    started: float = 0.0


class Prober(Protocol):
    """A visitor of his own with each request, who waits for a minute. In a thread between `start` and `stop`, which
    waits for the last answer; the load is bounded (10 requests/s)."""

    def start(self) -> None: ...
    def waiting_s(self) -> float:
        """How long the request that is under way has waited; 0 between two."""

    def stop(self) -> ProbeReport: ...


class Web(Protocol):
    """`address` is the IP to connect to; the URL's host is sent as SNI and Host. Certificates are always
    verified, against the system's roots and, in rehearsal, the local authority's. Connection, TLS and time-out
    failures raise HostError with retryable=True."""

    def get(self, url: str, *, address: str, timeout_s: float = 10) -> WebAnswer: ...
    def prober(self, url: str, *, address: str) -> Prober: ...
