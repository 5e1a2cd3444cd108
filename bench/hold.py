"""`python -m bench.hold`: what visitors who come during a hold wait. Some three minutes, as root; it leaves nothing.

Two network namespaces, the visitors' and the site's. *Dropped*: the site drops the first packets of connections, by the
agent's own rules. *Accepted*: it drops them until the address would be at the new machine; then its kernel accepts for
a front that stands still, and answers when the hold is over. The visitors' kernel stands in for other systems' by how
often it sends a first packet again after a second each.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap_agent import hold

HOLDS_S = (5.0, 13.0)
ACCEPTED_AFTER_S = 2.0
A_SECOND = 20
PATIENCE_S = 60.0
# net.ipv4.tcp_syn_linear_timeouts
KERNELS = {4: "macOS, iOS, Linux since 6.5", 0: "Linux before 6.5"}
SITE, VISITOR, PORT = "192.0.2.1", "192.0.2.2", 443
AGENT = Path(__file__).resolve().parents[1] / "agent"


@dataclass(frozen=True)
class Place:
    """A network namespace of this run."""

    name: str

    def argv(self, *argv: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv: str, stdin: str = "") -> str:
        return subprocess.run(self.argv(*argv), input=stdin, text=True, check=True, stdout=subprocess.PIPE).stdout

    def python(self, *argv: str) -> list[str]:
        return self.argv(sys.executable, "-m", "bench.hold", *argv)


def main() -> None:
    print("| hold | packets come again as | | p50 | p99 | longest |\n|---|---|---|---|---|---|")
    with network() as (site, visitors):
        for hold_s in HOLDS_S:
            for linear, kernel in KERNELS.items():
                visitors.run("sysctl", "-qw", f"net.ipv4.tcp_syn_linear_timeouts={linear}")
                for accepted in (False, True):
                    waits = sorted(held(site, visitors, hold_s, ACCEPTED_AFTER_S if accepted else hold_s))
                    how = f"accepted after {ACCEPTED_AFTER_S:.0f} s" if accepted else "dropped"
                    figures = " | ".join(f"{waits[min(len(waits) - 1, len(waits) * p // 100)]:.1f} s" for p in (50, 99))
                    print(f"| {hold_s:.0f} s | {kernel} | {how} | {figures} | {waits[-1]:.1f} s |", flush=True)


@contextmanager
def network() -> Iterator[tuple[Place, Place]]:
    site, visitors = (Place(f"bench-hold-{os.getpid()}-{side}") for side in ("site", "visitors"))
    with ExitStack() as undo:
        for place in (site, visitors):
            _ip("netns", "add", place.name)
            undo.callback(_ip, "netns", "delete", place.name)
        _ip("-n", site.name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", visitors.name)
        for place, address in ((site, SITE), (visitors, VISITOR)):
            _ip("-n", place.name, "address", "add", f"{address}/30", "dev", "eth0")
            _ip("-n", place.name, "link", "set", "eth0", "up")
        yield site, visitors


def held(site: Place, visitors: Place, hold_s: float, dropped_s: float) -> list[float]:
    """What each visitor of a hold waited, of those who came while it lasted."""
    with _started(site.python("front")) as front:
        assert front.stdout and front.stdout.readline()
        site.run("nft", "-f", "-", stdin=hold.RULES)
        front.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            with _started(visitors.python("visit", str(hold_s))) as visiting:
                _sleep_until(began + dropped_s)
                site.run("nft", "-f", "-", stdin=hold.NONE)
                _sleep_until(began + hold_s)
                front.send_signal(signal.SIGCONT)
                told = visiting.communicate(timeout=hold_s + 2 * PATIENCE_S)[0]
        finally:
            front.send_signal(signal.SIGCONT)
    waits: list[float] = json.loads(told)
    assert len(waits) == int(hold_s * A_SECOND)
    return waits


@contextmanager
def _started(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    paths = os.pathsep.join([str(AGENT), str(AGENT.parent)])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}) as process:
        try:
            yield process
        finally:
            process.kill()


def _sleep_until(then: float) -> None:
    time.sleep(max(0.0, then - time.monotonic()))


def _ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True)


# within the namespaces


def front() -> None:
    """Answers whoever has connected, with one byte."""
    with socket.create_server((SITE, PORT), backlog=4096) as listening:
        print("listens", flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b".")


def visit(seconds: float) -> None:
    """A new one every twentieth of a second."""
    began = time.monotonic()
    with ThreadPoolExecutor(int(seconds * A_SECOND)) as at_once:
        coming = []
        for number in range(int(seconds * A_SECOND)):
            _sleep_until(began + number / A_SECOND)
            coming.append(at_once.submit(_waited))
        print(json.dumps([one.result() for one in coming]))


def _waited() -> float:
    began = time.monotonic()
    with socket.create_connection((SITE, PORT), timeout=PATIENCE_S) as connection:
        assert connection.recv(1) == b"."
    return time.monotonic() - began


INSIDE: dict[str, Callable[[], None]] = {"front": front, "visit": lambda: visit(float(sys.argv[2]))}

if __name__ == "__main__":
    INSIDE.get(sys.argv[1] if sys.argv[1:] else "", main)()
