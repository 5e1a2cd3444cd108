"""One whole life of a deployment in the times of the profile `realistic`, with all on that is unfriendly: the other
rehearsals take no longer than this computer does. With BOOTSTRAP_WRITE_DOCS=1 it is lived once in fast times too, and
docs/benchmarks.md shows both.

The seed is chosen, as it decides how long an event is pending: a minute after the candidate of the redeploy was made,
seconds while visitors wait, and never the five minutes that one in a hundred takes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import digitalocean
import httpx
import pytest

from bench.cloud import Visitor, watched
from localcloud.host import unfriendly
from localcloud.state.unfriendly import Unfriendly
from tests.rehearsal.conftest import HELLO, HOME, Bootstrap, Site
from tests.rehearsal.guests import GuestBook
from tests.rehearsal.reality import everything
from tests.rehearsal.visitors import busy, reads
from tests.waiting import until
from tools import life_figures
from tools.life_figures import FAST, REALISTIC, Life, times
from tools.verify.recorder import Recorder

DOMAIN = "realistic.example"
KEY = "0123456789abcdef"
KINDS = ("droplets", "volumes", "snapshots", "reserved_ips", "firewalls", "tags")
DESTROY = ("destroy", DOMAIN, "--volume", "--yes")
FIRST_S = 600
# of the events that may be pending, as many as a part of this life has
NEXT = 25

pytestmark = pytest.mark.root


@dataclass
class Account:
    """`operator` asks the API through a recorder."""

    operator: Bootstrap
    cloud: dict[str, Any]
    api: httpx.Client

    def left(self, kind: str, address: str) -> list[str]:
        """What has the deployment's name or tag, or is its address."""
        named = re.compile(f"{DOMAIN.replace('.', '.?')}|{re.escape(address)}")
        return [item for item in map(json.dumps, everything(self.api, f"/v2/{kind}", kind)) if named.search(item)]

    def nothing_is_left(self, address: str) -> None:
        for kind in KINDS:
            until(lambda kind=kind: not self.left(kind, address), f"no {kind} of {DOMAIN}")  # type: ignore[misc]

    def actions(self) -> list[dict[str, Any]]:
        """Newest first."""
        return everything(self.api, "/v2/actions", "actions")

    def take(self, profile: str, fits: Callable[[Callable[[int], float]], bool]) -> None:
        """The profile, with a seed by which the next pending events fit: number, from 0 on → seconds."""
        drawn, seed = Unfriendly(), 1
        if profile == REALISTIC:
            drawn.profile = profile
            first = max((action["id"] for action in self.actions()), default=400_000_000) + 1
            for drawn.seed in range(1_000_000):
                if fits(lambda number: drawn.lasts(unfriendly.PENDING, first + number)):
                    break
            seed = drawn.seed
        self.operator("cloud", "faults", "latency", profile, "--seed", str(seed))


@contextmanager
def account(bootstrap: Bootstrap, cloud: dict[str, Any], work: Path) -> Iterator[tuple[Account, Life]]:
    work.mkdir()
    values = work / "values.env"
    values.touch(mode=0o600)
    values.write_text(f"GUESTBOOK_KEY={KEY}\n")
    settings = f"stack: {HELLO}\nssh_key: {work / 'ssh' / 'digitalocean'}\nenv_file: {values}\n"
    (work / "bootstrap.yaml").write_text(settings)
    head = {"Authorization": f"Bearer {cloud['watcher_token']}"}
    with Recorder(cloud["api"]) as recorder, httpx.Client(base_url=cloud["api"], headers=head, trust_env=False) as api:
        operator = replace(bootstrap, work=work, env={**bootstrap.env, "BOOTSTRAP_API_URL": recorder.url})
        account = Account(operator, cloud, api)
        yield account, Life(lambda: len(recorder.exchanges), account.actions)


def live(profile: str, account: Account, life: Life, visitor: Visitor) -> None:
    cli = account.operator
    account.take(profile, lambda pending: max(map(pending, range(12))) == 15)
    with life.step("`image build`"):
        image = cli("image", "build", "--base", "none", "--json", timeout_s=1800).json()["id"]
    try:
        with watched(visitor, DOMAIN, ["/health/"], FIRST_S) as first, life.step("`create`"):
            cli("create", "--domain", DOMAIN)
        life.part("— until a visitor's first 200", first()["/health/"])
        status = cli("status", DOMAIN, "--json").json()
        site = Site(DOMAIN, status["reserved_ip"], visitor.tls)
        book = GuestBook(site, KEY)
        assert book.write("kept") == 201
        with life.step("`create` again, which changes nothing"):
            cli("create", "--domain", DOMAIN)
        with life.step("`backup now`"):
            backup = cli("backup", "now", DOMAIN, "--json").json()["id"]
        replace_it(profile, account, life, book, status["droplet"]["id"])
        assert book.write("regretted") == 201
        with life.step("`restore`"):
            cli("restore", backup, DOMAIN, "--yes")
        assert book.lines() == ["kept"]
        with life.step("`destroy --volume`"):
            cli(*DESTROY)
        account.nothing_is_left(site.address)
        with life.step("`create --from-backup`, right after it"):
            cli("create", "--domain", DOMAIN, "--from-backup", backup)
        status = cli("status", DOMAIN, "--json").json()
        site = Site(DOMAIN, status["reserved_ip"], visitor.tls)
        assert status["healthy"] and GuestBook(site, KEY).lines() == ["kept"]
        with life.step("`destroy --volume --backups`"):
            cli(*DESTROY, "--backups")
        account.nothing_is_left(site.address)
    finally:
        cli(*DESTROY, "--backups", check=False)
        digitalocean.Image(id=image, token=account.cloud["watcher_token"]).destroy()


def replace_it(profile: str, account: Account, life: Life, book: GuestBook, before: int) -> None:
    account.take(profile, lambda pending: pending(0) == 60 and all(pending(later) <= 3 for later in range(1, NEXT)))
    with busy(*[reads(book.site, "/health/")] * 2, book.writes(), at_most_s=900) as seen, life.step("`redeploy`"):
        report = account.operator("redeploy", DOMAIN, "--json").json()
    assert (seen.failed, report["failed"]) == ([], 0) and seen.answered > 100
    life.redeployed({**report, "longest_s": max(seen.longest_s, report["longest_s"])})
    assert report["new"]["id"] != before
    book.has_all(nothing_else=True)
    # nobody waits for what is pending before the hold
    waited = report["steps"]["preflight"] + report["steps"]["await_quiet"]
    assert profile == FAST or waited > 20, report["steps"]


@pytest.mark.long
def test_a_whole_life_in_realistic_times(
    bootstrap: Bootstrap, cloud: dict[str, Any], visitor: Any, tmp_path: Path
) -> None:
    habits = httpx.get(
        f"{cloud['api']}/_faults/unfriendly", headers={"Authorization": f"Bearer {cloud['token']}"}, trust_env=False
    )
    assert all(habits.json()["unfriendly"].values()) and unfriendly.left(HOME) == unfriendly.ALL
    lives = {}
    writes_page = "BOOTSTRAP_WRITE_DOCS" in os.environ
    for profile in (FAST, REALISTIC) if writes_page else (REALISTIC,):
        with account(bootstrap, cloud, tmp_path / profile) as (mine, life):
            earlier = {action["id"] for action in mine.actions()}
            try:
                live(profile, mine, life, Visitor(cloud["dns"], visitor))
            finally:
                bootstrap("cloud", "faults", "latency", FAST)
            lives[profile] = life
            print(profile, {name: (round(each.seconds, 1), each.calls) for name, each in life.whole().items()})
            made = [act for act in mine.actions() if act["type"] == "create" and act["id"] not in earlier]
    # the medians are 35 s
    lasted = [ended - began for began, ended in (times(action, 0) for action in made)]
    assert len(lasted) >= 4 and min(lasted) > 15
    if writes_page:
        about = f"Measured on {datetime.now(timezone.utc):%Y-%m-%d} on {os.cpu_count()} cores, one life each."
        life_figures.PAGE.write_text(life_figures.renewed(life_figures.PAGE.read_text(), lives, about))
