"""Uptime checks, really made: from this computer, by the cloud's own DNS, trusting the cloud's own authority too.
Nobody is told of what they find: alerts are kept, not sent."""

from __future__ import annotations

import http.client
import ipaddress
import logging
import shutil
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import dns.exception
import dns.resolver

from localcloud.host.command import CommandError, succeeds
from localcloud.state.database import State
from localcloud.state.model import UptimeCheck, UptimeState
from localcloud.wire import now

log = logging.getLogger(__name__)

# once a minute at DigitalOcean; a rehearsal should not have to wait for that long
EVERY_S = 15.0
PATIENCE_S = 5.0
PARALLEL = 4

Probe = Callable[[UptimeCheck], bool]


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


class Prober:
    def __init__(self, state: State, probe: Probe, every_s: float = EVERY_S) -> None:
        self._state = state
        self._probe = probe
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="uptime", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _loop(self) -> None:
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="probe") as pool:
            while not self._ended.wait(self._every_s):
                with self._state.change() as tx:
                    checks = [check for check in tx.all(UptimeCheck) if check.enabled]
                list(pool.map(self._make, checks))

    def _make(self, check: UptimeCheck) -> None:
        try:
            good = self._probe(check)
        except Exception:
            # one check that cannot be made must not end all others
            log.exception("uptime check %s cannot be made", check.name)
            return
        with self._state.change() as tx:
            if tx.get(UptimeCheck, check.id) == check and (state := tx.get(UptimeState, check.id)):
                tx.put(after(state, good, now()))


class HostProbe:
    """`roots` holds the certificates of the cloud's own authority; it may not be there yet."""

    def __init__(self, nameserver: str, roots: Path) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [nameserver]
        self._resolver.lifetime = PATIENCE_S
        self._roots = roots

    def __call__(self, check: UptimeCheck) -> bool:
        target = urlsplit(check.target if "://" in check.target else f"//{check.target}")
        host = target.hostname or ""
        try:
            address = self._address(host)
            if check.type == "ping":
                return ping(address)
            return self._get(check.type, host, address, target) < http.client.BAD_REQUEST
        except (OSError, http.client.HTTPException, dns.exception.DNSException):
            return False

    def _address(self, host: str) -> str:
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return str(self._resolver.resolve(host, "A")[0])

    def _get(self, scheme: str, host: str, address: str, target: SplitResult) -> int:
        """The status of one GET, sent to that address whatever the host's own resolver thinks of the name."""
        port = target.port or {"http": http.client.HTTP_PORT, "https": http.client.HTTPS_PORT}[scheme]
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        connection.sock = socket.create_connection((address, port), PATIENCE_S)
        try:
            if scheme == "https":
                connection.sock = self._trust().wrap_socket(connection.sock, server_hostname=host)
            query = f"?{target.query}" if target.query else ""
            connection.request("GET", (target.path or "/") + query, headers={"user-agent": "uptime-check"})
            return connection.getresponse().status
        finally:
            connection.close()

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._roots.exists():
            context.load_verify_locations(self._roots)
        return context


def ping(address: str) -> bool:
    if shutil.which("ping") is None:
        # no failure of the target's: this is not a "down"
        raise CommandError("ping: not installed on this host")
    return succeeds(["ping", "-c", "1", "-W", str(int(PATIENCE_S)), address])
