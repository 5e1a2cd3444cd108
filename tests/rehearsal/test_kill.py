"""SIGKILL in and after each step of `create`, `backup now` and `destroy`: run again, it finishes, and nothing is there
twice. The rows that this saw are docs/kill-matrix.md."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
import pytest
import stamina

from tests.rehearsal import killing
from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.killing import ONE, Account, Laptop, Moment, Ran, Row, amounts, within

pytestmark = pytest.mark.root

DOMAIN = "kill.example"
BUCKET = "bootstrap-kill-example"
EVERYTHING = (DOMAIN, "--volume", "--backups", "--yes")
GUEST_BOOK = "/srv/data/guestbook"
# Its backup takes seconds, in several parts.
PHOTO_MB = 48

# These begin with nothing, and their second run is led to its end.
# An undisturbed run alone has these: what they make is found by the next.
ALONE = (
    "ssh key, vpc and firewall",
    "data volume of … GiB",
    "droplet … from image …",
    "host key of user-data replaced",
    "reserved ip",
)
DESTROY = killing.steps_of("destroy")
MOMENTS: tuple[Moment, Moment] = ("in", "after")


@dataclass
class Matrix:
    cli: Bootstrap
    laptop: Laptop
    account: Account
    cloud: dict[str, Any]
    tls: ssl.SSLContext
    usual: dict[str, Ran] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def killed(self, command: str, step: str, moment: Moment, *argv: str) -> Ran:
        usual = self.usual[command].done[step]
        return self.laptop.run(command, *argv, kill=(step, moment, within(step, usual)))

    def stands(self) -> dict[str, list[str]]:
        """Whatever was killed: nothing twice. Both host keys are pinned while one takes the other's place."""
        new = self.account.new()
        twice = {kind: new[kind] for kind, most in {**ONE, "host keys": 2}.items() if len(new[kind]) > most}
        assert not twice, twice
        return new

    def is_whole(self, ran: Ran) -> None:
        assert ran.code == 0, ran.said
        new = self.stands()
        assert {kind: len(new[kind]) for kind in ONE} == ONE, new
        (address,) = new["reserved ips"]
        assert new["records"] == [f"A @ {address}", f"A www {address}"]
        assert not new["tags of nothing"]
        assert Site(DOMAIN, address, self.tls).request("GET", "/health/").status_code == 200

    def is_gone(self) -> None:
        """The key and the network are for the next deployment."""
        new = self.stands()
        assert not {kind: found for kind, found in new.items() if found and kind not in ("ssh keys", "vpcs")}

    def tell(self, command: str, kill: Killed, second: Ran) -> None:
        """A step takes milliseconds: a kill may be late, and the row says so."""
        late = "" if kill.ran.begun[-1] == kill.step else f", as *{kill.ran.begun[-1]}* had begun"
        killed = f"{kill.moment} it{kill.alone}{late}"
        outcome = told(kill.ran, second, self.usual[command])
        self.rows.append(Row(command, kill.step, killed, amounts(kill.stood), outcome, "nothing"))


@dataclass(frozen=True)
class Killed:
    step: str
    moment: Moment
    ran: Ran
    stood: dict[str, list[str]]
    alone: str = ""


def told(first: Ran, second: Ran, usual: Ran) -> str:
    if second.code:
        return f"exit code {second.code} after {second.seconds:.0f} s: {second.told()}"
    skipped = [step for step in usual.done if step in first.begun and step not in second.begun]
    end = "whole" if second.code == 0 else f"gone on as far as *{second.begun[-1]}*, and killed there,"
    return f"{end} after {second.seconds:.0f} s" + (f"; not again: {', '.join(skipped)}" if skipped else "")


@pytest.fixture(scope="module")
def matrix(
    hello: Bootstrap, hello_image: dict[str, Any], cloud: dict[str, Any], visitor: ssl.SSLContext
) -> Iterator[Matrix]:
    """With how long each step takes undisturbed. The first run also makes what outlives a deployment."""
    laptop = Laptop(hello.work, dict(hello.env), hello.transcript)
    matrix = Matrix(hello, laptop, Account(cloud, DOMAIN), cloud, visitor)
    matrix.usual["create"] = laptop.run("create", "--domain", DOMAIN)
    try:
        matrix.is_whole(matrix.usual["create"])
        matrix.usual["backup now"] = laptop.run("backup now", DOMAIN)
        matrix.usual["destroy"] = laptop.run("destroy", *EVERYTHING)
        matrix.is_gone()
        yield matrix
    finally:
        hello("destroy", *EVERYTHING, check=False)


def chain(matrix: Matrix, command: str, points: list[tuple[str, Moment]], *argv: str) -> Ran:
    """Killed at each point in turn, each run going on from the former; then led to its end. A step that is over with
    is not begun again: such a run ends by itself."""
    last: Killed | None = None
    for step, moment in points:
        ran = matrix.killed(command, step, moment, *argv)
        if last:
            matrix.tell(command, last, ran)
        last = Killed(step, moment, ran, matrix.stands()) if step in ran.begun else None
        if ran.code is not None:
            return ran
    end = matrix.laptop.run(command, *argv)
    if last:
        matrix.tell(command, last, end)
    return end


@pytest.mark.parametrize(("create", "destroy"), list(zip(ALONE, DESTROY, strict=True)))
def test_each_alone(matrix: Matrix, create: str, destroy: str) -> None:
    ran = matrix.killed("create", create, "in", "--domain", DOMAIN)
    first = Killed(create, "in", ran, matrix.stands(), ", alone")
    second = matrix.laptop.run("create", "--domain", DOMAIN)
    matrix.is_whole(second)
    matrix.tell("create", first, second)

    last = chain(matrix, "destroy", [(destroy, moment) for moment in MOMENTS], *EVERYTHING)
    # 4 is "not deployed": the one that was killed had done it all
    assert last.code in (0, 4), last.said
    matrix.is_gone()


def test_create_goes_on_from_step_to_step(matrix: Matrix) -> None:
    steps = [step for step in matrix.usual["create"].done if step not in ALONE]
    points = [(step, moment) for step in steps for moment in MOMENTS]
    matrix.is_whole(chain(matrix, "create", points, "--domain", DOMAIN))


def on_droplet(matrix: Matrix, command: str) -> str:
    return matrix.cli("ssh", DOMAIN, "--", "sudo", "-n", "sh", "-c", command, unlogged=True).out


def backups(matrix: Matrix) -> list[str]:
    return [one["id"] for one in matrix.cli("backup", "list", DOMAIN, "--json").json()]


def spaces(matrix: Matrix) -> Any:
    where = matrix.cloud["spaces"]
    return boto3.client(
        "s3",
        endpoint_url=where["endpoint"],
        region_name=where["region"],
        aws_access_key_id=where["access_key"],
        aws_secret_access_key=where["secret_key"],
    )


def unfinished_uploads(matrix: Matrix) -> int:
    return len(spaces(matrix).list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


BACKUP = "backup of databases and media to Spaces"


@pytest.fixture(scope="module")
def album(matrix: Matrix) -> Ran:
    """A guest book whose backup takes seconds; gives the undisturbed run."""
    on_droplet(matrix, f"head -c {PHOTO_MB}M /dev/urandom >{GUEST_BOOK}/photo && sync")
    matrix.usual["backup now"] = matrix.laptop.run("backup now", DOMAIN)
    assert matrix.usual["backup now"].code == 0
    return matrix.usual["backup now"]


@pytest.mark.parametrize("moment", ["in", "after"])
def test_the_laptop_dies_in_a_backup(matrix: Matrix, album: Ran, moment: Moment) -> None:
    before = backups(matrix)
    first = matrix.killed("backup now", BACKUP, moment, DOMAIN)
    second_is_whole(matrix, first, before, f"{moment} it")


def test_the_agent_is_killed_in_a_backup(matrix: Matrix, album: Ran) -> None:
    before = backups(matrix)

    def agent_dies() -> None:
        wait_for_an_upload(matrix)
        on_droplet(matrix, "kill -9 $(cut -d' ' -f2- /run/lock/bootstrap-agent.lock | tr -dc 0-9)")

    first = beside(matrix, agent_dies)
    assert first.code == 7, first.said
    second_is_whole(matrix, first, before, "the agent, in it")


def test_the_power_is_cut_in_a_backup(matrix: Matrix, album: Ran) -> None:
    before = backups(matrix)

    def power_is_cut() -> None:
        wait_for_an_upload(matrix)
        token = {"Authorization": f"Bearer {matrix.cloud['token']}"}
        fault = {"kind": "power-cut", "droplet": f"{DOMAIN}-*"}
        httpx.post(f"{matrix.cloud['api']}/_faults", json=fault, headers=token).raise_for_status()

    first = beside(matrix, power_is_cut)
    assert first.code == 7, first.said
    matrix.is_whole(matrix.laptop.run("create", "--domain", DOMAIN))
    second_is_whole(matrix, first, before, "power of the droplet, in it; then `create`")


def wait_for_an_upload(matrix: Matrix) -> None:
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=30, wait_max=0.2):
        with attempt:
            assert unfinished_uploads(matrix) > 0


def beside(matrix: Matrix, happens: Callable[[], None]) -> Ran:
    """The command, and what happens meanwhile."""
    with ThreadPoolExecutor() as pool:
        running = pool.submit(matrix.laptop.run, "backup now", DOMAIN)
        happens()
        return running.result()


def second_is_whole(matrix: Matrix, first: Ran, before: list[str], killed: str) -> None:
    stood = f"{len(set(backups(matrix)) - set(before))} more backups, {unfinished_uploads(matrix)} open uploads"
    second = matrix.laptop.run("backup now", DOMAIN)
    assert second.code == 0, second.said
    after = backups(matrix)
    # one by the second run, and one where the first ended its work
    assert len(set(after) - set(before)) in (1, 2) and set(before) <= set(after)
    assert unfinished_uploads(matrix) == 0
    seconds = f"whole after {second.seconds:.0f} s" + (f"; the first said: {first.told()}" if first.code else "")
    matrix.rows.append(Row("backup now", BACKUP, killed, stood, seconds, "nothing"))


def test_each_listed_backup_is_whole_and_the_newest_restores(matrix: Matrix, album: Ran) -> None:
    manifests = json.loads(on_droplet(matrix, "bootstrap-agent backup list"))
    assert [one["id"] for one in manifests] == backups(matrix)
    for part in (one["media"] for one in manifests):
        stored = spaces(matrix).head_object(Bucket=BUCKET, Key=part["key"])
        assert stored["ContentLength"] == part["size"] > PHOTO_MB * 1_000_000
    sums = f"sha256sum {GUEST_BOOK}/photo | cut -c-64"
    before = on_droplet(matrix, sums)
    on_droplet(matrix, f"echo spoilt >{GUEST_BOOK}/photo")
    matrix.cli("restore", "latest", DOMAIN, "--yes")
    assert on_droplet(matrix, sums) == before


def test_destroy_goes_on_from_step_to_step_and_keeps_the_volume(matrix: Matrix, album: Ran) -> None:
    """Without --volume: only the data are left, and they are those that a new deployment serves."""
    volume = matrix.stands()["volumes"]
    for step in ("records and reserved ip …", "droplet …"):
        matrix.killed("destroy", step, "in", DOMAIN, "--yes")
        assert matrix.stands()["volumes"] == volume
    last = matrix.laptop.run("destroy", DOMAIN, "--yes")
    assert last.code == 0, last.said
    left = matrix.stands()
    assert left["volumes"] == volume and not (left["droplets"] or left["firewalls"] or left["reserved ips"])


def test_the_page_tells_what_was_seen(matrix: Matrix) -> None:
    seen = killing.page(matrix.rows)
    if os.environ.get("BOOTSTRAP_WRITE_DOCS"):
        killing.PAGE.write_text(seen)
    there = {(row.command, row.step) for row in matrix.rows}
    wanted = {(c, step) for c in killing.SOURCES for step in killing.steps_of(c) if step not in killing.ONLY_WHEN}
    assert there == wanted
