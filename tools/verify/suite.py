"""The Cloud port's contract suite on an account: tests/contract/cloud, in a process of its own, told by its environment
where the account is."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bootstrap.adapters.digitalocean import DigitalOcean
from tools.verify.account import Account
from tools.verify.names import Run

ROOT = Path(__file__).resolve().parents[2]
SIZE = "s-1vcpu-1gb"
BASE = "ubuntu-22-04-x64"
# what the tests make, one after the other
DROPLETS, VOLUMES_GB, UPTIME_CHECKS = 9, 40, 2
_VARIABLES = [f"BOOTSTRAP_VERIFY_{name}" for name in ("RUN", "DOMAIN", "REGION", "API", "TOKEN")]


@dataclass(frozen=True)
class Given:
    run: Run
    domain: str
    region: str
    api: str
    token: str

    def environment(self) -> dict[str, str]:
        return dict(zip(_VARIABLES, (self.run.id, self.domain, self.region, self.api, self.token), strict=True))

    def account(self) -> Account:
        """What its adapter makes is in its lists at once."""
        return Account(self.token, self.api, cloud=DigitalOcean(self.token, self.api))


def given() -> Given | None:
    """None when pytest was not started by `make verify-cloud`."""
    run, domain, region, api, token = (os.environ.get(name, "") for name in _VARIABLES)
    return Given(Run(run), domain, region, api, token) if run else None


def argv() -> list[str]:
    tests = ROOT / "tests" / "contract" / "cloud" / "test_cloud.py"
    return [
        *(sys.executable, "-u", "-m", "pytest", str(tests), f"--rootdir={ROOT}"),
        *("-p", "no:cacheprovider", "--no-header", "-v", "--tb=short"),
    ]
