"""`python -m bench.realistic`: `make demo` and a redeploy of the whole stack in the local cloud's profile `fast` and in
`realistic`, whose actions take as long as DigitalOcean's; some twenty minutes. Seed 7 of `realistic`: the same figures
for the provider's share again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

from bench.calls import counted
from bench.cloud import DOMAIN, Cloud, Visitor, health_paths, running, watched
from tools.life_figures import FAST, REALISTIC, Life, table

SEED = "7"
DEADLINE_S = 1800


def measure(cloud: Cloud) -> None:
    lives = {profile: _life(cloud, profile) for profile in (FAST, REALISTIC)}
    print("\nthe whole stack, in fast and in realistic times:\n")
    print(table(lives), flush=True)


def _life(cloud: Cloud, profile: str) -> Life:
    cloud.bootstrap("cloud", "faults", "latency", profile, "--seed", SEED)
    with counted(cloud) as calls:

        def run(*argv: str) -> str:
            return cloud.bootstrap(*argv, home=calls.home, timeout_s=DEADLINE_S).out

        life = Life(lambda: len(calls.seen), lambda: _actions(cloud))
        with life.step("`image build`"):
            run("image", "build", "--base", "none")
        with watched(Visitor.of(cloud), DOMAIN, health_paths()[:1], DEADLINE_S) as first, life.step("`create`"):
            run("create", "--domain", DOMAIN)
        life.part("— until a visitor's first 200", *first().values())
        with life.step("`image build --if-changed` and `create` again"):
            run("image", "build", "--if-changed")
            run("create", "--domain", DOMAIN)
        with life.step("`redeploy`"):
            report = json.loads(run("redeploy", DOMAIN, "--json"))
        life.redeployed(report)
        print(f"{profile}: {report['failed']} of {report['requests']} requests failed", flush=True)
        with life.step("`destroy --volume --backups`"):
            run("destroy", DOMAIN, "--volume", "--backups", "--yes")
    return life


def _actions(cloud: Cloud) -> Iterable[dict[str, Any]]:
    head = {"Authorization": f"Bearer {cloud.endpoints['token']}"}
    url = f"{cloud.endpoints['api']}/v2/actions?per_page=200"
    actions: list[dict[str, Any]] = httpx.get(url, headers=head, trust_env=False).raise_for_status().json()["actions"]
    return actions


def main() -> None:
    with running() as cloud:
        measure(cloud)


if __name__ == "__main__":
    main()
