"""`python -m bench.create`: `bootstrap create` from the baked image against the seed's guide on a stock image, in one
cloud, one after the other, each from the request to the first 200 of /health/ that a visitor gets; then the API calls
of a `create` that makes everything and of one that finds everything. Some ten minutes, one run each.
"""

from __future__ import annotations

import re
from contextlib import ExitStack

from bench.calls import Calls, counted
from bench.cloud import DOMAIN, Cloud, Firsts, Visitor, health_paths, running, table, watched
from bench.guide import Phases, follow
from bench.machine import plain_ubuntu

GUIDE = "guide.example"
DEADLINE_S = 1800
MINUTE_LIMIT = 250
# a step of the outermost level, as a pipe gets it
STEP = re.compile(r"^\d\d:\d\d:\d\d ✓ (.*) \((?:(\d+) min )?([\d.]+) s\)$", re.MULTILINE)


def measure(cloud: Cloud) -> None:
    visitor = Visitor.of(cloud)
    baked = _baked(cloud, visitor)
    guide = _guide(cloud, visitor)
    _, *more = health_paths()
    print(f"\ncreate → first 200: {_first(baked):.1f} s / {_first(guide):.1f} s by the guide, ", end="")
    print(f"ratio {_first(guide) / _first(baked):.1f} (one run each)")
    print(f"create → all {len(more) + 1} pages: {max(baked.values()):.1f} s / {max(guide.values()):.1f} s, ", end="")
    print(f"ratio {max(guide.values()) / max(baked.values()):.1f}", flush=True)


def _baked(cloud: Cloud, visitor: Visitor) -> Firsts:
    with counted(cloud) as calls, watched(visitor, DOMAIN, health_paths(), DEADLINE_S) as first:
        said = cloud.bootstrap("create", "--domain", DOMAIN, home=calls.home).err
        found = first()
    print("\n`bootstrap create` from the baked image:\n")
    print(
        table(("step", "seconds"), [(text, f"{int(m or 0) * 60 + float(s):.1f}") for text, m, s in STEP.findall(said)])
    )
    with counted(cloud) as again:
        cloud.bootstrap("create", "--domain", DOMAIN, home=again.home)
    print("\nAPI calls of a `create`:\n")
    print(
        table(
            ("create", "in all", "by method", f"in its busiest minute, of {MINUTE_LIMIT}"),
            [_row("that makes everything", calls), _row("that changes nothing", again)],
        ),
        flush=True,
    )
    return found


def _guide(cloud: Cloud, visitor: Visitor) -> Firsts:
    phases = Phases()
    with watched(visitor, GUIDE, health_paths(), DEADLINE_S) as first, ExitStack() as until_answered:
        with phases.phase("droplet created, SSH answers"):
            machine = until_answered.enter_context(plain_ubuntu(cloud.endpoints["token"], "guide"))
        follow(machine, cloud.endpoints, GUIDE, phases)
        found = first()
    print("\nthe guide on a stock image:\n")
    print(
        table(("phase", "seconds"), [(name, f"{seconds:.1f}") for name, seconds in phases.seconds.items()]), flush=True
    )
    return found


def _first(found: Firsts) -> float:
    return found[health_paths()[0]]


def _row(what: str, calls: Calls) -> tuple[object, ...]:
    methods = ", ".join(f"{method} {count}" for method, count in sorted(calls.by_method.items()))
    return what, len(calls.seen), methods, calls.busiest_minute


def main() -> None:
    with running() as cloud:
        measure(cloud)


if __name__ == "__main__":
    main()
