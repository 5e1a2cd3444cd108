"""`python -m bench.redeploy`: what visitors notice of a new release, by our redeploy and by what people do by hand on a
machine of the same size in the same cloud: `docker compose down`, `build`, `up -d`, and `docker compose up -d` over
images that were built before. One run each, some ten minutes.

Twenty requests a second from a third machine, fresh and kept connections, HTTP/1.1 and 2, of clients that give up after
ten seconds. By hand the stack stands as the guide has it (`bench/guide.py`), and a release is a file of the services
that changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.cloud import DOMAIN, Cloud, Visitor, health_paths, running, table, watched
from bench.create import GUIDE
from bench.guide import COMPOSE, DOCKER, Phases, follow
from bench.machine import Machine, plain_ubuntu
from tests.rehearsal.ledger import Ledger, at_work
from tests.rehearsal.load import Plan

PATIENCE_S, PER_SECOND, AT_MOST_S = 10.0, 20.0, 600
ANYBODYS = ["front", "front", "health"]
DEADLINE_S = 1800


@dataclass(frozen=True)
class Seen:
    what: str
    ledger: Ledger
    # from the command's begin to its end
    seconds: float

    @property
    def failed(self) -> int:
        return len(self.ledger.failed)

    @property
    def longest_s(self) -> float:
        return max((one.seconds for one in self.ledger.asked if not one.failure), default=0.0)


def measure(cloud: Cloud) -> None:
    with plain_ubuntu(cloud.endpoints["token"], "visitors") as visitors:
        ours = _ours(cloud, visitors)
        with _by_hand(cloud) as machine:
            rest = [_their(cloud, visitors, machine, hand) for hand in BY_HAND]
    print("\na new release, as visitors with 10 s of patience saw it:\n")
    header = ("how", "requests", "failed", "of ours", "outage", "of ours", "longest right answer", "the command took")
    print(table(header, [_row(one, ours) for one in (ours, *rest)]), flush=True)


def _row(one: Seen, ours: Seen) -> tuple[object, ...]:
    outage, our_outage = one.ledger.outage(), ours.ledger.outage()
    return (
        one.what,
        len(one.ledger.asked),
        one.failed,
        _ratio(one.failed, ours.failed),
        f"{outage:.1f} s",
        _ratio(outage, our_outage),
        f"{one.longest_s:.1f} s",
        f"{one.seconds:.0f} s",
    )


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.1f} times" if ours else "-"


def _ours(cloud: Cloud, visitors: Machine) -> Seen:
    cloud.bootstrap("create", "--domain", DOMAIN)
    address = json.loads(cloud.bootstrap("status", DOMAIN, "--json").out)["reserved_ip"]
    said: list[str] = []
    seen = _seen(
        cloud,
        visitors,
        DOMAIN,
        address,
        "`bootstrap redeploy`",
        lambda: said.append(cloud.bootstrap("redeploy", DOMAIN, "--json").out),
    )
    report = json.loads(said[0])
    print("\nits own word:", json.dumps({**report, "old": None, "new": None}))
    # both machines need the host's two cores
    cloud.bootstrap("destroy", DOMAIN, "--volume", "--yes")
    return seen


@contextmanager
def _by_hand(cloud: Cloud) -> Iterator[Machine]:
    with plain_ubuntu(cloud.endpoints["token"], "guide") as machine:
        with watched(Visitor.of(cloud), GUIDE, health_paths(), DEADLINE_S) as first:
            follow(machine, cloud.endpoints, GUIDE, Phases())
            first()
        yield machine


def _deploy(machine: Machine, command: str) -> None:
    machine.run(f"runuser -u deploy -- sh -c 'set -eu; cd {DOCKER}; {command}'", timeout_s=DEADLINE_S)


def _changed(machine: Machine) -> None:
    """Another release: every service has this file."""
    _deploy(machine, 'echo "# $(date +%s)" >>services/common/pages.py')


def _down_build_up(machine: Machine) -> None:
    _deploy(machine, f"{COMPOSE} down && ({COMPOSE} build --quiet || {COMPOSE} build --quiet) && {COMPOSE} up -d")


def _built_before(machine: Machine) -> None:
    _changed(machine)
    _deploy(machine, f"{COMPOSE} build --quiet || {COMPOSE} build --quiet")


def _up(machine: Machine) -> None:
    _deploy(machine, f"{COMPOSE} up -d")


@dataclass(frozen=True)
class Hand:
    """`before` is what visitors need not be counted for, as the old release serves meanwhile."""

    what: str
    before: Callable[[Machine], None]
    deploys: Callable[[Machine], None]


BY_HAND = (
    Hand("`docker compose down`, `build`, `up -d`", _changed, _down_build_up),
    Hand("`docker compose up -d` over new images", _built_before, _up),
)


def _their(cloud: Cloud, visitors: Machine, machine: Machine, hand: Hand) -> Seen:
    hand.before(machine)
    return _seen(cloud, visitors, GUIDE, machine.address, hand.what, lambda: hand.deploys(machine))


def _seen(cloud: Cloud, visitors: Machine, domain: str, address: str, what: str, deploys: Callable[[], object]) -> Seen:
    plan = Plan(
        domain=domain,
        address=address,
        roots=cloud.endpoints["acme"]["roots_file"],
        patience=[PATIENCE_S],
        kinds=ANYBODYS,
        per_second=PER_SECOND,
        sockets=0,
        at_most_s=AT_MOST_S,
    )
    ledger = Ledger()
    with at_work(plan, visitors, ledger):
        began = time.monotonic()
        deploys()
        took = time.monotonic() - began
        _until_it_answers(Visitor.of(cloud), domain)
    print(f"{what}: {len(ledger.failed)} of {len(ledger.asked)} failed, {took:.0f} s", flush=True)
    return Seen(what, ledger, took)


def _until_it_answers(visitor: Visitor, domain: str) -> None:
    """`up -d` is over before the services answer."""
    with watched(visitor, domain, health_paths(), DEADLINE_S) as first:
        first()
    # and for as long as the last one to come in has patience
    time.sleep(PATIENCE_S)


def main() -> None:
    with running() as cloud:
        measure(cloud)


if __name__ == "__main__":
    main()
