"""SIGKILL in and after each step of `create`, `backup now` and `destroy`: run again, it finishes, and nothing is there
twice. The rows that this saw are in docs/failure-matrix.md. The tests go on from one another, in their order."""

from __future__ import annotations

import json
import os
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import digitalocean
import httpx
import pytest

from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.killing import (
    KEPT,
    MOST,
    ONE,
    Account,
    Laptop,
    Moment,
    Point,
    Ran,
    amounts,
    ended,
    points,
    rows_of,
)
from tests.rehearsal.machines import broken_image, patiently
from tests.waiting import until
from tools.failure_matrix import Row, steps_killed, write
from tools.steps import SOURCES, STEPS

pytestmark = pytest.mark.root

DOMAIN = "kill.example"
BUCKET = "bootstrap-kill-example"
CREATE = ("create", "--domain", DOMAIN)
DESTROY = ("destroy", DOMAIN, "--yes")
EVERYTHING = (*DESTROY, "--volume", "--backups")
ROTATION = "host key of user-data replaced"
BACKUP = "backup of databases and media to Spaces"
PHOTO = "/srv/data/guestbook/photo"
# Its backup takes seconds, in several parts.
PHOTO_MB = 48


@dataclass
class Matrix:
    cli: Bootstrap
    laptop: Laptop
    account: Account
    cloud: dict[str, Any]
    tls: ssl.SSLContext
    usual: dict[str, Ran] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    # since the deployment was whole: the next run may replace once more a key that was in place already
    rotations_cut_short: int = 0

    def stands(self) -> dict[str, list[str]]:
        """Whatever was killed: nothing twice."""
        new = self.account.new()
        most = {**MOST, "host keys": 1 + max(1, self.rotations_cut_short)}
        twice = {kind: new[kind] for kind in most if len(new[kind]) > most[kind]}
        assert not twice, twice
        return new

    def is_whole(self, ran: Ran) -> None:
        assert ran.code == 0, ran.said
        self.rotations_cut_short = 0
        new = self.stands()
        assert {kind: len(new[kind]) for kind in ONE} == ONE, new
        (address,) = new["reserved IPs"]
        assert new["records"] == [f"A @ {address}", f"A www {address}"]
        assert not new["empty tags"] and not new["locks"], new
        assert Site(DOMAIN, address, self.tls).request("GET", "/health/").status_code == 200
        self.laptop.is_swept(ran)

    def is_gone(self) -> None:
        left = {kind: found for kind, found in self.stands().items() if found and kind not in KEPT}
        assert not left, left

    def tell(self, command: str, killed: Ran, stood: str, second: Ran) -> None:
        self.rows.extend(rows_of(command, killed, stood, second, ended(second)))


@pytest.fixture(scope="module")
def matrix(
    hello: Bootstrap, hello_image: dict[str, Any], cloud: dict[str, Any], visitor: ssl.SSLContext
) -> Iterator[Matrix]:
    """With how long each step takes undisturbed. The first run also makes what outlives a deployment."""
    laptop = Laptop(hello.work, dict(hello.env), hello.transcript)
    account = Account(cloud["watcher_token"], DOMAIN)
    matrix = Matrix(hello, laptop, account, cloud, visitor)
    matrix.usual["create"] = laptop.run(*CREATE)
    try:
        matrix.is_whole(matrix.usual["create"])
        matrix.usual["destroy"] = laptop.run(*EVERYTHING)
        matrix.is_gone()
        yield matrix
    finally:
        hello(*EVERYTHING, check=False)


def chain(matrix: Matrix, kills: Sequence[Point], command: str, *argv: str) -> Ran:
    """Killed at each point in turn, each run going on from the one before; then led to its end. A step that the kill
    came too late for is not begun again: then it is the next one that is reached."""
    last: tuple[Ran, str] | None = None
    while True:
        ran = matrix.laptop.run(command, *argv, kill=kills)
        if last:
            matrix.tell(command, *last, ran)
        if ran.point is None:
            assert last, "no kill was in time"
            return ran
        matrix.rotations_cut_short += ROTATION in ran.begun and ROTATION not in ran.done
        kills = kills[kills.index(ran.point) + 1 :]
        last = ran, amounts(matrix.stands())
        if ran.point.then:
            ran.point.then[1]()


def point_in(matrix: Matrix, step: str) -> Point:
    (point,) = [point for point in points(matrix.usual["create"], ["in"]) if point.step == step]
    return point


def test_what_is_there_twice_or_left_is_seen(matrix: Matrix) -> None:
    """Else all that follows could not fail."""
    token = {"token": matrix.cloud["watcher_token"]}
    volumes = [
        digitalocean.Volume(name=name, size_gigabytes=1, region="nyc3", tags=[f"stray-{name}"], **token)
        for name in ("one", "two")
    ]
    for volume in volumes:
        volume.create()
    until(lambda: len(matrix.account.new()["volumes"]) == len(volumes), "both are in the list, which may be behind")
    with pytest.raises(AssertionError, match=str(volumes[0].id)):
        matrix.stands()
    volumes[0].destroy()
    with pytest.raises(AssertionError, match=r"'volumes'.*'empty tags': .'stray-one'"):
        matrix.is_gone()
    volumes[1].destroy()
    for name in ("one", "two"):
        digitalocean.Tag(name=f"stray-{name}", **token).delete()
    (domain,) = [domain for domain in digitalocean.Manager(**token).get_all_domains() if domain.name == DOMAIN]
    stray = domain.create_new_domain_record(type="A", name="www", data="192.0.2.1", ttl=300)["domain_record"]
    with pytest.raises(AssertionError, match=r"'records': .'A www 192\.0\.2\.1'"):
        matrix.is_gone()
    digitalocean.Record(id=stray["id"], domain=DOMAIN, **token).destroy()
    matrix.is_gone()


def test_create_after_each_step(matrix: Matrix) -> None:
    """From nothing."""
    matrix.is_whole(chain(matrix, points(matrix.usual["create"], ["after"]), *CREATE))


# backup now, on the deployment that this has made


def on_droplet(matrix: Matrix, command: str) -> str:
    return matrix.cli("ssh", DOMAIN, f"sudo -n sh -c {shlex.quote(command)}", unlogged=True).out


def sum_of_photo(matrix: Matrix) -> str:
    return on_droplet(matrix, f"sha256sum {PHOTO} | cut -c-64")


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


@pytest.fixture(scope="module")
def photo(matrix: Matrix) -> str:
    """In the guest book, so that its backup takes seconds; gives its hash."""
    on_droplet(matrix, f"head -c {PHOTO_MB}M /dev/urandom >{PHOTO} && sync")
    return sum_of_photo(matrix)


@pytest.mark.parametrize("moment", ["in", "after"])
def test_the_laptop_dies_in_a_backup(matrix: Matrix, photo: str, moment: Moment) -> None:
    before = backups(matrix)
    point = Point(BACKUP, moment, until=partial(wait_for_an_upload, matrix) if moment == "in" else None)
    first = matrix.laptop.run("backup now", DOMAIN, kill=[point])
    assert first.point, first.said
    second_is_whole(matrix, first, before, f"killed {moment} it")


def test_the_agent_is_killed_in_a_backup(matrix: Matrix, photo: str) -> None:
    before = backups(matrix)
    with at_the_trigger(matrix, "kill -9 $(cut -d' ' -f2- /run/lock/bootstrap-agent.lock | tr -dc 0-9)") as trigger:
        with backing_up(matrix) as running:
            wait_for_an_upload(matrix)
            trigger.communicate("now\n", timeout=60)
        assert trigger.returncode == 0
    first = running.result()
    assert first.code == 7, first.said
    second_is_whole(matrix, first, before, "the agent is killed, in it")


def test_the_power_is_cut_in_a_backup(matrix: Matrix, photo: str) -> None:
    before = backups(matrix)
    with backing_up(matrix) as running:
        wait_for_an_upload(matrix)
        token = {"Authorization": f"Bearer {matrix.cloud['token']}"}
        fault = {"kind": "power-cut", "droplet": f"{DOMAIN}-*"}
        httpx.post(f"{matrix.cloud['api']}/_faults", json=fault, headers=token).raise_for_status()
    first = running.result()
    assert first.code == 7, first.said
    matrix.is_whole(matrix.laptop.run(*CREATE))
    second_is_whole(matrix, first, before, "the droplet's power is cut, in it; then `create`")


@contextmanager
def at_the_trigger(matrix: Matrix, command: str) -> Iterator[subprocess.Popen[str]]:
    """A shell on the droplet that has logged in and waits for a line: what it does then takes no second."""
    script = f"echo ready; read now && {command}"
    argv = ["ssh", DOMAIN, f"sudo -n sh -c {shlex.quote(script)}"]
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("bootstrap")), "--cloud", "local", *argv],
        cwd=matrix.cli.work,
        env=dict(matrix.cli.env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as shell:
        assert shell.stdout is not None
        try:
            assert shell.stdout.readline() == "ready\n"
            yield shell
        finally:
            shell.kill()


@contextmanager
def backing_up(matrix: Matrix) -> Iterator[Any]:
    with ThreadPoolExecutor() as pool:
        yield pool.submit(matrix.laptop.run, "backup now", DOMAIN)


def wait_for_an_upload(matrix: Matrix) -> None:
    until(lambda: unfinished_uploads(matrix), "an upload has begun")


def second_is_whole(matrix: Matrix, first: Ran, before: list[str], killed: str) -> None:
    stood = f"more backups: {len(set(backups(matrix)) - set(before))}, open uploads: {unfinished_uploads(matrix)}"
    second = matrix.laptop.run("backup now", DOMAIN)
    assert second.code == 0, second.said
    matrix.laptop.is_swept(second)
    after = backups(matrix)
    # one by the second run, and one where the first ended its work
    assert len(set(after) - set(before)) in (1, 2) and set(before) <= set(after)
    assert unfinished_uploads(matrix) == 0
    outcome = "whole" + (f"; the first said: {first.told()}" if first.code else "")
    matrix.rows.append(Row("backup now", BACKUP, killed, stood, outcome))


def test_each_listed_backup_is_whole_and_the_newest_restores(matrix: Matrix, photo: str) -> None:
    manifests = json.loads(on_droplet(matrix, "bootstrap-agent backup list"))
    assert [one["id"] for one in manifests] == backups(matrix)
    for part in (one["media"] for one in manifests):
        stored = spaces(matrix).head_object(Bucket=BUCKET, Key=part["key"])
        assert stored["ContentLength"] == part["size"] > PHOTO_MB * 1_000_000
    on_droplet(matrix, f"echo spoilt >{PHOTO}")
    matrix.cli("restore", "latest", DOMAIN, "--yes")
    assert sum_of_photo(matrix) == photo


# destroy, and create with and without what it keeps


def test_destroy_goes_on_from_step_to_step_and_keeps_the_volume(matrix: Matrix, photo: str) -> None:
    """Without --volume, only the data are left."""
    volume = matrix.stands()["volumes"]
    last = chain(matrix, points(matrix.usual["destroy"], ["in"]), *DESTROY)
    assert last.code in (0, 4), last.said
    left = {kind: found for kind, found in matrix.stands().items() if found and kind not in KEPT}
    assert left == {"volumes": volume}


def test_create_serves_the_volume_that_was_kept(matrix: Matrix, photo: str) -> None:
    matrix.is_whole(chain(matrix, [point_in(matrix, "stack up and healthy")], *CREATE))
    assert sum_of_photo(matrix) == photo


def test_create_from_a_backup_where_somebody_deleted_the_droplet(matrix: Matrix, photo: str) -> None:
    """Its address and its volume were kept."""
    on_droplet(matrix, f"echo spoilt >{PHOTO} && sync")
    delete_droplet(matrix)
    kills = [
        Point("reserved ip … to …", "after", then=("the droplet is powered off", partial(power_off, matrix))),
        Point("power on …", "after"),
        Point("backup … restored", "in", seconds=0.5),
        Point("backup … restored", "after"),
    ]
    matrix.is_whole(chain(matrix, kills, *CREATE, "--from-backup", "latest"))
    assert sum_of_photo(matrix) == photo


def droplet_of(matrix: Matrix) -> digitalocean.Droplet:
    (number,) = matrix.stands()["droplets"]
    return digitalocean.Droplet.get_object(matrix.cloud["watcher_token"], int(number))


def delete_droplet(matrix: Matrix) -> None:
    """And the tag of its host key, which only a droplet leads to."""
    (pin,) = matrix.stands()["host keys"]
    droplet_of(matrix).destroy()
    digitalocean.Tag(name=pin, token=matrix.cloud["watcher_token"]).delete()
    until(lambda: not matrix.stands()["droplets"], "the droplet is gone")


@patiently
def power_off(matrix: Matrix) -> None:
    droplet_of(matrix).power_off(return_dict=False).wait(update_every_seconds=1)


def test_destroy_in_and_after_each_step(matrix: Matrix) -> None:
    last = chain(matrix, points(matrix.usual["destroy"]), *EVERYTHING)
    # 4 is "not deployed": the one that was killed had done it all
    assert last.code in (0, 4), last.said
    matrix.is_gone()


def test_create_in_each_step(matrix: Matrix) -> None:
    """From nothing again, as a step that finds its work done is short."""
    matrix.is_whole(chain(matrix, points(matrix.usual["create"], ["in"]), *CREATE))
    assert matrix.laptop.run(*EVERYTHING).code == 0
    matrix.is_gone()


def test_destroy_of_a_droplet_that_is_being_made(matrix: Matrix) -> None:
    """Instead of another `create`: what never served goes as well."""
    point = point_in(matrix, "droplet … from image …")
    killed = matrix.laptop.run(*CREATE, kill=[point])
    stood = amounts(matrix.stands())
    assert killed.point, killed.said
    second = matrix.laptop.run(*EVERYTHING)
    assert second.code == 0, second.said
    matrix.is_gone()
    matrix.rows.append(Row("create", point.step, "killed in it", stood, "`destroy` instead: all gone"))


def test_create_where_cloud_init_had_failed(matrix: Matrix, hello_image: dict[str, Any], tmp_path: Path) -> None:
    with broken_image(matrix.cloud, hello_image["name"], tmp_path) as image:
        failed = matrix.laptop.run(*CREATE, "--image", str(image))
    assert failed.code == 7 and "cloud-init ended as error" in failed.said, failed.said
    broken = droplet_of(matrix)
    # where its second boot would tell of no failure
    off = Point("droplet … deleted", "in", until=lambda: until(lambda: broken.load().status == "off"))
    matrix.is_whole(chain(matrix, [off, Point("droplet … deleted", "after")], *CREATE))
    assert droplet_of(matrix).id != broken.id


def test_the_page_tells_what_was_seen(matrix: Matrix) -> None:
    killed = steps_killed(matrix.rows)
    assert {command: killed[command] for command in SOURCES} == {command: set(STEPS[command]) for command in SOURCES}
    if os.environ.get("BOOTSTRAP_WRITE_DOCS"):
        write(matrix.rows)
