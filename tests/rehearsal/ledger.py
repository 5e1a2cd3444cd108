"""What became of every request while a deployment was replaced, and every confirmed write held against its databases.

The load (`load.py`) runs in the network of another machine of the local cloud: what it sends takes a visitor's way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.machine import Machine, plain_ubuntu
from tests.rehearsal.conftest import ROOT, Bootstrap, Site
from tests.rehearsal.load import FILE_BYTES, WRITES, Asked, Plan
from tests.rehearsal.people import sign_up

TICKETS = 4
# on the droplet: every name in the database, once for each time that it is there; of files also what is in them
THERE = r"""
set -eu
db() { docker exec "$(docker ps -q --filter label=com.docker.compose.service=db)" psql -d "$1" -AtF ' ' -c "$2"; }
db ticket_db "SELECT 'open', title FROM tickets_ticket"
db messaging_db "SELECT 'comment', body FROM messaging_comment"
db ticket_db "SELECT 'attach', name, file FROM tickets_attachment" | while read -r kind name file; do
    echo "$kind $name $(sudo -n sha256sum "/srv/data/media_files/$file" | cut -c-64)"
done
"""


@dataclass
class Ledger:
    """All that was asked, in the order in which it was over; `sockets` are seconds until each lost one was back."""

    asked: list[Asked] = field(default_factory=list)
    sockets: list[float] = field(default_factory=list)
    heard: list[Mapping[str, Any]] = field(default_factory=list)
    began: float = 0.0

    def read(self, lines: Sequence[str]) -> None:
        for fact in map(json.loads, lines):
            if fact["kind"] == "socket":
                self.sockets.append(fact["back"] - fact["lost"])
            elif fact["kind"] == "heard":
                self.heard.append(fact)
            else:
                self.asked.append(Asked(**fact))

    @property
    def failed(self) -> list[Asked]:
        return [one for one in self.asked if one.failure]

    def confirmed(self, kind: str) -> set[str]:
        return {one.key for one in self.asked if one.kind == kind and one.key and not one.failure}

    def sent(self, kind: str) -> set[str]:
        return {one.key for one in self.asked if one.kind == kind and one.key}

    def hold(self) -> tuple[float, float]:
        """As seen from outside: the longest time in which no new connection was answered, from when to when."""
        ends = sorted(one.began + one.seconds for one in self.asked if one.way.startswith("fresh") and not one.failure)
        return max(pairwise(ends), key=lambda pair: pair[1] - pair[0])

    def outage(self) -> float:
        """As a prober has it: the longest time between two right answers with a wrong one, or none, between them."""
        longest, last, wrong = 0.0, self.began, False
        for over, failure in sorted((one.began + one.seconds, one.failure or "") for one in self.asked):
            if failure:
                wrong = True
                continue
            if wrong:
                longest = max(longest, over - last)
            last, wrong = over, False
        return longest


@dataclass(frozen=True)
class Books:
    """The ledger against the databases: names of writes, by kind."""

    lost: dict[str, list[str]]
    doubled: dict[str, list[str]]
    spoilt: list[str]
    # whose answer never came, and which are there all the same
    unheard: int

    @property
    def balanced(self) -> bool:
        return not (any(self.lost.values()) or any(self.doubled.values()) or self.spoilt)


def compared(ledger: Ledger, bootstrap: Bootstrap, domain: str) -> Books:
    """Of the writes with an answer each is there once, of the others at most once."""
    there = [line.split() for line in bootstrap("ssh", domain, THERE, unlogged=True).out.splitlines()]
    times = Counter((kind, name.removesuffix(".txt")) for kind, name, *_ in there)
    lost = {kind: [key for key in ledger.confirmed(kind) if not times[kind, key]] for kind in WRITES}
    doubled = {kind: [key for key in ledger.sent(kind) if times[kind, key] > 1] for kind in WRITES}
    mine = ledger.sent("attach")
    files = {name.removesuffix(".txt"): digest[0] for kind, name, *digest in there if kind == "attach" and digest}
    spoilt = [key for key, digest in files.items() if key in mine and digest != content_of(key)]
    unheard = sum(times[kind, key] for kind in WRITES for key in ledger.sent(kind) - ledger.confirmed(kind))
    return Books(lost, doubled, spoilt, unheard)


def content_of(key: str) -> str:
    return sha256((f"{key} " * FILE_BYTES)[:FILE_BYTES].encode()).hexdigest()


@contextmanager
def visitors(cloud: dict[str, Any], site: Site, patience: Sequence[float], at_most_s: float) -> Iterator[Ledger]:
    """Within the block people are at work, and they were for some seconds before; afterwards the ledger is written."""
    person = sign_up(site, cloud, "ledger")
    with person.log_in() as client:
        made = [client.post("/api/tickets/", json={"title": "before"}).raise_for_status() for _ in range(TICKETS)]
    plan = Plan(
        domain=site.domain,
        address=site.address,
        roots=cloud["acme"]["roots_file"],
        email=person.email,
        password=person.password,
        tickets=[answer.json()["id"] for answer in made],
        patience=list(patience),
        at_most_s=at_most_s,
    )
    ledger = Ledger()
    with plain_ubuntu(cloud["watcher_token"], "ledger") as machine, at_work(plan, machine, ledger):
        yield ledger


@contextmanager
def at_work(plan: Plan, machine: Machine, ledger: Ledger) -> Iterator[None]:
    """In the network of that machine; the ledger is written when the block ends."""
    inside = ["ip", "netns", "exec", namespace_of(machine.address)]
    with tempfile.TemporaryFile("w+") as told:
        # by this Python and its libraries, in the network of that machine
        load = subprocess.Popen(
            [*inside, sys.executable, "-m", "tests.rehearsal.load"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "agent", ROOT / "localcloud")))},
            stdin=subprocess.PIPE,
            stdout=told,
            text=True,
        )
        assert load.stdin
        try:
            load.stdin.write(json.dumps(asdict(plan)) + "\n")
            load.stdin.flush()
            ledger.began = time.time()
            time.sleep(3)
            assert load.poll() is None, "the load ended before anything happened"
            yield
            load.communicate("stop\n", timeout=max(plan.patience) + 60)
        finally:
            load.kill()
            load.wait()
        assert load.returncode == 0
        told.seek(0)
        ledger.read(told.readlines())


def namespace_of(address: str) -> str:
    """The network namespace of the machine with this address, of those that local clouds have on this computer."""
    for found in sorted(Path("/run/netns").glob("*-*")):
        shown = subprocess.run(["ip", "-n", found.name, "-br", "address"], capture_output=True, text=True).stdout
        if f" {address}/" in shown:
            return found.name
    raise LookupError(f"no machine here has the address {address}")


# the figures


def told(ledger: Ledger, books: Books, reports: Sequence[Mapping[str, Any]]) -> str:
    """For a person, in a few lines."""
    asked = ledger.asked
    lines = [f"{len(asked)} requests, {len(ledger.failed)} failed"]
    for patience in sorted({one.patience for one in asked}):
        mine = [one for one in asked if one.patience == patience]
        found = "; ".join(_classes(mine)) or "none"
        lines.append(f"patience {patience:.0f} s: {len(mine)} requests, failed: {found}")
    if waits := sorted(one.seconds for one in asked if not one.failure):
        lines.append(f"longest wait {waits[-1]:.1f} s; all: p50 {at(waits, 50):.3f} s, p99 {at(waits, 99):.2f} s")
    begun, ended = ledger.hold()
    held = sorted(one.seconds for one in asked if not one.failure and begun <= one.began <= ended)
    if held:
        lines.append(
            f"held from outside {ended - begun:.1f} s at most: {len(held)} came meanwhile and waited "
            f"p50 {at(held, 50):.1f} s, p99 {at(held, 99):.1f} s"
        )
    back = sorted(ledger.sockets)
    lines.append(
        f"WebSockets lost {len(back)}" + (f", back after {at(back, 50):.1f} to {back[-1]:.1f} s" if back else "")
    )
    kinds = ", ".join(f"{len(ledger.confirmed(kind))} {kind}" for kind in WRITES)
    lost, doubled = (sum(map(len, each.values())) for each in (books.lost, books.doubled))
    lines.append(f"writes confirmed: {kinds}; lost {lost}, doubled {doubled}, spoilt {len(books.spoilt)}, "
                 f"there without an answer {books.unheard}")  # fmt: skip
    for report in reports:
        steps, parts = (_list(report[name]) for name in ("steps", "parts"))
        lines.append(
            f"it says: hold {report['hold_s']} s, ours {report['own_s']} s, foreseen {report['predicted_hold_s']}; "
            f"{report['failed']} of {report['requests']} failed, longest {report['longest_s']:.1f} s; {steps}; "
            f"in the hold: {parts}"
        )
    return "\n".join(lines)


def _list(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {took:.1f}" for name, took in seconds.items())


def _classes(asked: Sequence[Asked]) -> Iterator[str]:
    """What became of those that failed, and of which connections."""
    failed = [one for one in asked if one.failure]
    for failure, count in Counter(one.failure for one in failed).most_common():
        ways = Counter(one.way for one in failed if one.failure == failure)
        yield f"{count} {failure} ({', '.join(f'{of} {way}' for way, of in ways.most_common())})"


def at(sorted_values: Sequence[float], percent: int) -> float:
    return sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]
