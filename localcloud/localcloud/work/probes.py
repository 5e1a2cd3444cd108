"""Uptime checks, really made: from this computer, by the cloud's own DNS, trusting the cloud's own authority too. Their
alerts are mails to the cloud's own inbox."""

from __future__ import annotations

import http.client
import ipaddress
import logging
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import dns.exception
import dns.resolver

from localcloud.host.command import CommandError, succeeds
from localcloud.state.database import State
from localcloud.state.model import UptimeAlert, UptimeCheck, UptimeState
from localcloud.wire import now
from localcloud.work import telling
from localcloud.work.rounds import EVERY_S, Rounds
from localcloud.work.telling import Post, Standing

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
PARALLEL = 4


@dataclass(frozen=True)
class Seen:
    """By one probe. `days_left` of the certificate; None without one, or where nothing answered."""

    good: bool
    latency_ms: float | None = None
    days_left: float | None = None

    def __bool__(self) -> bool:
        return self.good


Probe = Callable[[UptimeCheck], Seen]


def holds(alert: UptimeAlert, seen: Seen) -> bool | None:
    if alert.type == "latency":
        return telling.is_beyond(seen.latency_ms, alert.comparison, alert.threshold)
    if alert.type == "ssl_expiry":
        return telling.is_beyond(seen.days_left, alert.comparison, alert.threshold)
    # all regions are this computer
    return not seen.good


def after(state: UptimeState, good: bool, at: str) -> UptimeState:
    """What is known once another probe has been made."""
    seen = state.model_copy(update={"probes": state.probes + 1, "good": state.good + good})
    status = "UP" if good else "DOWN"
    if status == state.status:
        return seen
    outage: dict[str, str | None] = {}
    if status == "DOWN":
        outage = {"outage_began": at, "outage_ended": None}
    elif state.status == "DOWN":
        outage = {"outage_ended": at}
    return seen.model_copy(update={"status": status, "changed_at": at, **outage})


class Prober(Rounds):
    def __init__(self, state: State, probe: Probe, post: Post, every_s: float = EVERY_S) -> None:
        super().__init__("uptime", every_s)
        self._state = state
        self._probe = probe
        self._post = post

    def _round(self) -> None:
        with self._state.change() as tx:
            checks = [check for check in tx.all(UptimeCheck) if check.enabled]
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="probe") as pool:
            list(pool.map(self._make, checks))

    def _make(self, check: UptimeCheck) -> None:
        try:
            seen = self._probe(check)
        except Exception:
            # one check that cannot be made must not end all others
            log.exception("uptime check %s cannot be made", check.name)
            return
        with self._state.change() as tx:
            if tx.get(UptimeCheck, check.id) != check:
                return
            if state := tx.get(UptimeState, check.id):
                tx.put(after(state, seen.good, now()))
            alerts = [alert for alert in tx.all(UptimeAlert) if alert.check_id == check.id]
        for alert in alerts:
            self._tell(check, alert, seen)

    def _tell(self, check: UptimeCheck, alert: UptimeAlert, seen: Seen) -> None:
        """Outside of a transaction, as a mail takes its time."""
        before = Standing(alert.lasted, alert.firing)
        standing = telling.after(before, holds(alert, seen), alert.period)
        if standing.firing != before.firing:
            what = f"{alert.name} ({alert.type}) of {check.name}, {check.target}"
            if not telling.tell(self._post, alert.notifications.email, check.name, what, standing):
                standing = replace(standing, firing=before.firing)
        with self._state.change() as tx:
            if tx.get(UptimeAlert, alert.id) == alert and standing != before:
                tx.update(alert, lasted=standing.lasted, firing=standing.firing)


class HostProbe:
    """`roots` holds the certificates of the cloud's own authority; it may not be there yet."""

    def __init__(self, nameserver: str, roots: Path) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [nameserver]
        self._resolver.lifetime = PATIENCE_S
        self._roots = roots

    def __call__(self, check: UptimeCheck) -> Seen:
        target = urlsplit(check.target if "://" in check.target else f"//{check.target}")
        host = target.hostname or ""
        try:
            address = self._address(host)
            began = time.monotonic()
            seen = Seen(ping(address)) if check.type == "ping" else self._get(check.type, host, address, target)
        except (OSError, http.client.HTTPException, dns.exception.DNSException):
            return Seen(False)
        return replace(seen, latency_ms=1000 * (time.monotonic() - began)) if seen.good else seen

    def _address(self, host: str) -> str:
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return str(self._resolver.resolve(host, "A")[0])

    def _get(self, scheme: str, host: str, address: str, target: SplitResult) -> Seen:
        """One GET, sent to that address whatever the host's own resolver thinks of the name."""
        port = target.port or {"http": http.client.HTTP_PORT, "https": http.client.HTTPS_PORT}[scheme]
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        connection.sock = socket.create_connection((address, port), PATIENCE_S)
        days_left = None
        try:
            if scheme == "https":
                connection.sock = tls = self._trust().wrap_socket(connection.sock, server_hostname=host)
                days_left = _days_left(tls)
            query = f"?{target.query}" if target.query else ""
            connection.request("GET", (target.path or "/") + query, headers={"user-agent": "uptime-check"})
            return Seen(connection.getresponse().status < http.client.BAD_REQUEST, days_left=days_left)
        finally:
            connection.close()

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._roots.exists():
            context.load_verify_locations(self._roots)
        return context


def _days_left(connection: ssl.SSLSocket) -> float | None:
    end = (connection.getpeercert() or {}).get("notAfter")
    return (ssl.cert_time_to_seconds(str(end)) - time.time()) / 86400 if end else None


def ping(address: str) -> bool:
    if shutil.which("ping") is None:
        # no failure of the target's: this is not a "down"
        raise CommandError("ping: not installed on this host")
    return succeeds(["ping", "-c", "1", "-W", str(int(PATIENCE_S)), address])
