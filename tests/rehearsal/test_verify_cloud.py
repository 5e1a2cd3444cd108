"""`make verify-cloud CLOUD=local`, whole, and killed in the middle: what it would do to a real account."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bootstrap_agent.s3.client import COMMAND, connect
from tests.rehearsal.conftest import HOME, ROOT, Bootstrap
from tests.rehearsal.reality import Reality, everything
from tests.waiting import until

pytestmark = pytest.mark.root

DOMAIN = "verified.example"
KINDS = {
    "droplets": "droplets",
    "volumes": "volumes",
    "snapshots": "snapshots",
    "reserved_ips": "reserved_ips",
    "firewalls": "firewalls",
    "domains": "domains",
    "account/keys": "ssh_keys",
    "vpcs": "vpcs",
    "tags": "tags",
    "uptime/checks": "checks",
    "monitoring/alerts": "policies",
}
Look = Callable[[], bool]


def _own_token(bootstrap: Bootstrap) -> str:
    """For one run: what other tests ask within the hour is not taken from its limit. It may do all, and the API says so
    of it, as of the operator's."""
    scopes = [word for scope in ("*:*", "read", "write") for word in ("--scope", scope)]
    return bootstrap("cloud", "token", *scopes, unlogged=True).out.strip()


class Verified:
    """The account, looked at from outside, and the program as `make` starts it."""

    def __init__(self, bootstrap: Bootstrap, cloud: dict[str, Any], folder: Path) -> None:
        self.token = _own_token(bootstrap)
        home = folder / "cloud"
        home.mkdir(mode=0o700)
        (home / "endpoints.json").write_text(json.dumps({**cloud, "token": self.token}))
        self._environment = {
            **bootstrap.env,
            "XDG_STATE_HOME": str(folder / "state"),
            "BOOTSTRAP_CLOUD_HOME": str(home),
        }
        self._api = httpx.Client(
            base_url=cloud["api"], headers={"Authorization": f"Bearer {cloud['watcher_token']}"}, trust_env=False
        )
        store = cloud["spaces"]
        keys = (store["access_key"], store["secret_key"])
        self._s3 = connect(store["endpoint"], store["region"], *keys, COMMAND)
        self.report = folder / "report.md"
        self._log = folder / "said.log"

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tools.verify", "--cloud", "local", "--domain", DOMAIN, *words],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def said(self) -> str:
        """By the latest one."""
        return self._log.read_text()

    def run(self, *words: str) -> tuple[int, str]:
        with self.started(*words) as process:
            return process.wait(timeout=900), self.said()

    def listed(self, path: str) -> list[dict[str, Any]]:
        return everything(self._api, f"/v2/{path}", KINDS[path])

    def holds(self) -> dict[str, set[str]]:
        """All there is, by what tells one from another."""
        found = {
            path: {str(item.get("id") or item.get("ip") or item.get("name")) for item in self.listed(path)}
            for path in KINDS
        }
        found["machines"] = {str(machine) for machine in Reality(HOME).machines()}
        found["buckets"] = {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}
        return found


@pytest.fixture
def verified(bootstrap: Bootstrap, cloud: dict[str, Any], tmp_path: Path) -> Verified:
    return Verified(bootstrap, cloud, tmp_path)


# `make test` has its halves: tests/contract/verify runs the suite, and the other rehearsals are many a life
@pytest.mark.long
def test_it_passes_differs_in_nothing_and_leaves_nothing(verified: Verified, cloud: dict[str, Any]) -> None:
    before = verified.holds()
    code, said = verified.run("--yes", "--report", str(verified.report))
    written = verified.report.read_text()
    assert code == 0, f"{said[-5000:]}\n{written}"
    assert "cents  at most" in said and "## Differences\n\nNone.\n" in written
    assert all(
        f"| {step} |" in written for step in ("contract suite", "bake", "create", "redeploy", "restore", "destroy")
    )
    assert "FAILED" not in said and "0 failed" in said
    assert verified.holds() == before
    secrets = (verified.token, cloud["token"], cloud["spaces"]["access_key"], cloud["spaces"]["secret_key"])
    assert not [secret for secret in secrets if secret in written + said]


def test_nobody_who_could_be_asked(verified: Verified) -> None:
    before = verified.holds()
    code, said = verified.run()
    assert code == 12 and "there is no terminal" in said and "cents" in said
    assert verified.holds() == before


def _is_made_by_the_suite(verified: Verified) -> bool:
    return any("verify-" in droplet["name"] for droplet in verified.listed("droplets"))


def _is_baked(verified: Verified) -> bool:
    """Packer's droplet has no name of ours, and the run's tag."""
    return any("bootstrap-verify:" in json.dumps(one["tags"]) for one in verified.listed("droplets"))


def _has_an_address(verified: Verified) -> bool:
    return any("verify-" in ((one["droplet"] or {}).get("name") or "") for one in verified.listed("reserved_ips"))


# tests/contract/verify/test_killed.py has the same without machines
@pytest.mark.long
@pytest.mark.parametrize(
    ("half", "moment", "number"),
    [("suite", _is_made_by_the_suite, signal.SIGINT), ("life", _is_baked, signal.SIGTERM)],
)
def test_one_that_is_told_to_end_leaves_nothing(
    verified: Verified, half: str, moment: Callable[[Verified], bool], number: int
) -> None:
    before = verified.holds()
    with verified.started("--yes", "--only", half, "--report", str(verified.report)) as process:
        until(lambda: moment(verified) or process.poll() is not None, "something to leave", 400)
        process.send_signal(number)
        process.wait(timeout=400)
    assert process.returncode == 130, verified.said()[-5000:]
    assert verified.holds() == before
    assert "ended before its time" in verified.report.read_text()


@pytest.mark.long
def test_what_a_killed_one_left_is_found_and_deleted(verified: Verified) -> None:
    before = verified.holds()
    with verified.started("--yes", "--only", "life") as process:
        until(lambda: _has_an_address(verified) or process.poll() is not None, "an address", 900)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL
    left = verified.holds()
    assert all(left[kind] > before[kind] for kind in ("droplets", "volumes", "reserved_ips", "domains", "snapshots"))
    code, said = verified.run("--clean")
    assert code == 0, said
    assert "left by an earlier run" in said and "deleted: reserved ip" in said
    assert verified.holds() == before
    # and says so when there is nothing
    code, said = verified.run("--clean")
    assert code == 0 and "nothing is left" in said and "deleted" not in said
