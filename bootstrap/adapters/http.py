"""Web over httpx: connects to one address, speaks to the URL's host, and verifies its certificate."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bootstrap.errors import HostError, UsageError
from bootstrap.ports.web import ProbeReport, Sample, WebAnswer

PROBES_PER_SECOND = 10
# as long as a browser would: during a replacement a visitor waits for the next machine
PROBE_S = 60
# some seven minutes with each request by itself; of a longer time, several become one
SAMPLES = 4000


class HttpsWeb:
    def __init__(self, roots_file: Path | None = None) -> None:
        self._tls = ssl.create_default_context()
        if roots_file:
            _trust(self._tls, roots_file)

    def get(self, url: str, *, address: str, timeout_s: float = 10) -> WebAnswer:
        with self._client(timeout_s) as client:
            return _get(client, url, address)

    def prober(self, url: str, *, address: str) -> CountingProber:
        return CountingProber(self._client(PROBE_S, kept=0), url, address)

    def _client(self, timeout_s: float, kept: int = 1) -> httpx.Client:
        """`kept`: how many connections may be used again."""
        # no proxy of the environment: what counts is the way a visitor takes to this very address
        limits = httpx.Limits(max_keepalive_connections=kept)
        return httpx.Client(verify=self._tls, timeout=timeout_s, limits=limits, trust_env=False)


def _trust(tls: ssl.SSLContext, roots_file: Path) -> None:
    try:
        tls.load_verify_locations(cafile=roots_file)
    except OSError as error:
        # OpenSSL's own words are for those who wrote it
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(
            f"acme.roots_file {roots_file}: {why}", "name a PEM file with the authority's root certificates"
        ) from None


def _get(client: httpx.Client, url: str, address: str) -> WebAnswer:
    host = urlsplit(url).hostname or ""
    request = client.build_request("GET", httpx.URL(url).copy_with(host=address), headers={"Host": host})
    # httpcore sends this as SNI, and the certificate is checked against it
    request.extensions["sni_hostname"] = host
    try:
        answer = client.send(request)
    except httpx.HTTPError as error:
        raise HostError(f"{url} at {address}: {error or type(error).__name__}", retryable=True) from None
    return WebAnswer(answer.status_code, answer.text, dict(answer.headers))


class CountingProber:
    """Asks ten times a second, at most, each time over a connection of its own; a probe that waits delays the next
    one, so its load stays bounded."""

    def __init__(self, client: httpx.Client, url: str, address: str) -> None:
        self._client, self._url, self._address = client, url, address
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._requests = self._failed = 0
        self._first_failure: str | None = None
        self._outage = self._longest = 0.0
        self._started = self._last_right = time.monotonic()
        self._in_outage = False
        self._samples: list[Sample] = []
        self._sent: float | None = None

    def start(self) -> None:
        self._started = self._last_right = time.monotonic()
        self._thread.start()

    def waiting_s(self) -> float:
        sent = self._sent
        return time.monotonic() - sent if sent is not None else 0.0

    def stop(self) -> ProbeReport:
        self._stopped.set()
        self._thread.join(timeout=2 * PROBE_S)
        with suppress(httpx.HTTPError):
            self._client.close()
        if self._in_outage:
            # still down at the end: the outage goes on until now
            self._outage = max(self._outage, time.monotonic() - self._last_right)
        return ProbeReport(
            self._requests,
            self._failed,
            round(self._outage, 2),
            round(self._longest, 2),
            self._first_failure,
            tuple(self._samples),
            self._started,
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = self._sent = time.monotonic()
            self._count(self._failure(), began)
            self._sent = None
            self._stopped.wait(max(0.0, 1 / PROBES_PER_SECOND - (time.monotonic() - began)))

    def _failure(self) -> str | None:
        try:
            answer = _get(self._client, self._url, self._address)
        except HostError as error:
            return error.message
        return None if answer.status == 200 else f"{self._url}: HTTP {answer.status}"

    def _count(self, failure: str | None, began: float) -> None:
        now = time.monotonic()
        self._requests += 1
        sample = Sample(round(began - self._started, 2), round(now - began, 3), failure is None)
        if len(self._samples) >= SAMPLES:
            self._samples = halved(self._samples)
        self._samples.append(sample)
        if failure is None:
            self._longest = max(self._longest, now - began)
            if self._in_outage:
                self._outage = max(self._outage, now - self._last_right)
            self._last_right, self._in_outage = now, False
            return
        self._failed += 1
        self._in_outage = True
        self._first_failure = self._first_failure or failure


def halved(samples: list[Sample]) -> list[Sample]:
    """Of each two the worse one, so that no failure and no long wait is lost."""
    pairs = zip(samples[::2], samples[1::2], strict=False)
    odd = samples[-1:] if len(samples) % 2 else []
    return [max(pair, key=lambda one: (not one.right, one.waited)) for pair in pairs] + odd
