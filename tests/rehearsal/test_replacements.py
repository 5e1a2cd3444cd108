"""The ticket system's machine is replaced while people work: from another machine of the cloud, fifty requests a second
and open WebSockets, and a ledger of every confirmed write that is held against the databases afterwards.

By hand, on a host that does nothing else, as patience is measured in seconds: one replacement and a rollback, ten in a
row, realistic times with little and with much in the volume: `pytest -m long tests/rehearsal/test_replacements.py -s`.
In CI test_life.py, test_own_stack.py and test_releases.py have more patient visitors.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site
from tests.rehearsal.ledger import Ledger, compared, told, visitors

pytestmark = pytest.mark.root

TEN = 10
BACK_S = OWN_S = 5.0


@pytest.fixture(scope="module")
def operator(bootstrap: Bootstrap, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bootstrap]:
    """Of the shared deployment, but nginx lets one address ask without a limit: all visitors here have the same."""
    mine = _with_limits(bootstrap, (100_000, 2000, 200, 200), tmp_path_factory.mktemp("ledger"))
    mine("create", "--domain", DOMAIN)
    yield mine
    _with_limits(bootstrap, (30, 200, 8, 4), tmp_path_factory.mktemp("usual"))("create", "--domain", DOMAIN)


LIMITS = ("NGINX_API_RATE", "NGINX_CONNECTIONS", "NGINX_UPLOADS", "NGINX_UPLOADS_OF_ONE")


def _with_limits(bootstrap: Bootstrap, limits: tuple[int, ...], work: Path) -> Bootstrap:
    values = work / "values.env"
    values.touch(mode=0o600)
    values.write_text("".join(f"{name}={limit}\n" for name, limit in zip(LIMITS, limits, strict=True)))
    settings = (bootstrap.work / "bootstrap.yaml").read_text()
    (work / "bootstrap.yaml").write_text(f"{settings}env_file: {values}\n")
    return replace(bootstrap, work=work)


def replaced(operator: Bootstrap, *argv: str) -> dict[str, Any]:
    report: dict[str, Any] = operator(*argv, "--json").json()
    return report


def nobody_noticed(ledger: Ledger, operator: Bootstrap, reports: list[dict[str, Any]], patience: float) -> None:
    """No client of that patience failed, and the databases have what the ledger has."""
    books = compared(ledger, operator, DOMAIN)
    print(f"\n{told(ledger, books, reports)}")
    assert books.balanced, books
    failed = [one for one in ledger.failed if one.patience >= patience]
    assert not failed, f"{len(failed)} failed, the first: {failed[:3]}"
    assert len(ledger.asked) > 1000 and min(len(ledger.confirmed(kind)) for kind in ("open", "comment", "attach")) > 20
    assert ledger.sockets and all(each["comments"] and each["lost"] is None for each in ledger.heard)
    for each in ledger.heard:
        assert each["comments"] == sorted(set(each["comments"])), "each comment is heard once, in its order"


@pytest.mark.long
def test_a_replacement_and_a_rollback_while_people_work(operator: Bootstrap, site: Site, cloud: dict[str, Any]) -> None:
    with visitors(cloud, site, [10.0, 30.0], at_most_s=400) as ledger:
        reports = [replaced(operator, "redeploy", DOMAIN, "--keep-old")]
        reports.append(replaced(operator, "rollback", DOMAIN))
    nobody_noticed(ledger, operator, reports, patience=10.0)


@pytest.mark.long
def test_ten_in_a_row_while_people_work(operator: Bootstrap, site: Site, cloud: dict[str, Any]) -> None:
    with visitors(cloud, site, [10.0, 30.0], at_most_s=2400) as ledger:
        reports = [replaced(operator, "redeploy", DOMAIN) for _ in range(TEN)]
    nobody_noticed(ledger, operator, reports, patience=10.0)
    own = sorted(report["own_s"] for report in reports)
    print(f"own share: median {statistics.median(own):.1f} s, p99 {own[-1]:.1f} s")
    assert max(ledger.sockets) <= BACK_S
    assert statistics.median(own) <= OWN_S


@pytest.mark.long
@pytest.mark.parametrize("megabytes", [10, 10_000])
def test_in_realistic_times_it_takes_the_same_whatever_is_in_the_volume(
    operator: Bootstrap, site: Site, cloud: dict[str, Any], megabytes: int
) -> None:
    """Attaching and detaching take what they take at DigitalOcean, as long for ten gigabytes as for ten megabytes."""
    held = "/srv/data/media_files/held"
    operator("ssh", DOMAIN, f"sudo -n sh -c 'rm -f {held} && fallocate -l {megabytes}M {held} && sync'")
    operator("cloud", "faults", "latency", "realistic", "--seed", "7")
    try:
        with visitors(cloud, site, [30.0], at_most_s=900) as ledger:
            reports = [replaced(operator, "redeploy", DOMAIN)]
    finally:
        operator("cloud", "faults", "latency", "fast")
        operator("ssh", DOMAIN, f"sudo -n rm -f {held}")
    nobody_noticed(ledger, operator, reports, patience=30.0)
