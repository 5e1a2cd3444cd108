"""What goes wrong while a real droplet backs up, and who hears of it: the unit fails, a mail says why, `status` shows
it, and there is no backup more than before. What the object store does to one is in tests/contract/backup."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from bootstrap_agent.contract import paths, units
from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site, status
from tests.rehearsal.test_alerts import BACKUP, DISK, HOG, Droplet
from tests.waiting import until

pytestmark = pytest.mark.root

BUCKET = "bootstrap-tickets-example"
AGAIN = f"systemctl stop {BACKUP}; systemctl reset-failed {BACKUP}"


@pytest.fixture(scope="module")
def droplet(bootstrap: Bootstrap, cloud: dict[str, Any], site: Site) -> Droplet:
    found = Droplet(bootstrap, cloud)
    # its first base backup, which it makes by itself
    until(lambda: backups(found), "there is one", deadline_s=120)
    return found


def backups(droplet: Droplet) -> set[str]:
    return {one["id"] for one in droplet.bootstrap("backup", "list", DOMAIN, "--json", unlogged=True).json()}


@contextmanager
def dying(droplet: Droplet, program: str) -> Iterator[None]:
    """As it is started, by whoever. The shell ends with the first that it met."""
    droplet.root(f"nohup sh -c 'until pkill --signal KILL --exact {program}; do :; done' >/dev/null 2>&1 &")
    yield


@contextmanager
def no_bucket(droplet: Droplet) -> Iterator[None]:
    """As after somebody deleted it: others need this one."""
    droplet.root(f"cp {paths.DEPLOYMENT} /run/kept && sed -i s/{BUCKET}/bootstrap-nobodys-bucket/ {paths.DEPLOYMENT}")
    try:
        yield
    finally:
        droplet.root(f"cp /run/kept {paths.DEPLOYMENT} && rm /run/kept")


Trouble = Callable[[Droplet], Any]
TROUBLES: dict[str, tuple[Trouble, str]] = {
    "pg_dump dies": (lambda droplet: dying(droplet, "pg_dump"), "pg_dump of "),
    "pg_basebackup dies": (lambda droplet: dying(droplet, "pg_basebackup"), "pg_basebackup failed"),
    "no bucket": (no_bucket, "there is no bucket"),
}


# the others are at the object store's level, too
CI = "pg_dump dies"


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] if n != CI else []) for n in TROUBLES])
def test_a_backup_that_fails_is_told_and_is_none(droplet: Droplet, bootstrap: Bootstrap, name: str) -> None:
    trouble, said = TROUBLES[name]
    droplet.check()
    before, told = backups(droplet), {word: droplet.told(word, f"{BACKUP} failed: ") for word in ("alarm", "over")}
    try:
        with trouble(droplet):
            droplet.root(f"systemctl start {BACKUP}", check=False)
            (found,) = [alarm for alarm in droplet.check() if alarm.startswith(f"{BACKUP} failed: ")]
        assert said in found
        assert any(alarm["message"] == found for alarm in status(bootstrap)["alarms"])
        assert droplet.told("alarm", f"{BACKUP} failed: ") == told["alarm"] + 1
        assert backups(droplet) == before
    finally:
        droplet.root(AGAIN)
    droplet.root(f"systemctl start {BACKUP}")
    assert not any(alarm.startswith(BACKUP) for alarm in droplet.check())
    assert len(backups(droplet) - before) == 1
    assert droplet.told("over", f"{BACKUP} failed: ") == told["over"] + 1


def test_two_at_once_are_one_after_the_other(droplet: Droplet, bootstrap: Bootstrap) -> None:
    """The droplet's own, and one that somebody asks for meanwhile, who is told what is waited for. It has as little
    weight as the other one."""
    before = backups(droplet)
    light = "journalctl --quiet --unit='bootstrap-backup-*.scope' | grep --count Started; true"
    asked_for = int(droplet.root(light))
    droplet.root(f"systemctl start --no-block {BACKUP}")
    until(lambda: "backup" in droplet.root(f"flock --nonblock {paths.LOCK} true || cat {paths.LOCK}"), "it has begun")
    made = bootstrap("backup", "now", DOMAIN, "--json")
    assert json.loads(made.out)["id"] in backups(droplet)
    assert len(backups(droplet) - before) == 2
    assert int(droplet.root(light)) == asked_for + 1


@pytest.mark.long
def test_the_archiver_has_one_session_and_leaves_none_behind(droplet: Droplet) -> None:
    """The program in the container ends with the one that started it, however that ends."""

    def sessions() -> int:
        return int(droplet.root("docker top ticket-tracking-db-1 -eo pid,comm | grep --count ' psql$'; true"))

    until(lambda: sessions() == 1, "it has begun")
    droplet.root(f"systemctl kill --signal=KILL {units.ARCHIVE}")
    until(lambda: sessions() == 0, "its session is over")
    until(lambda: sessions() == 1, "it has begun again")
    droplet.root(f"systemctl stop {units.ARCHIVE}")
    until(lambda: sessions() == 0, "its session is over")
    droplet.root(f"systemctl start {units.ARCHIVE}")


CUT = f"{BACKUP} of "
TIMER = units.DATABASE_TIMER
BEGAN = "systemctl show --property=UserspaceTimestamp --value"


def held_in_the_middle(droplet: Droplet) -> None:
    """Begun by its timer, as at night; its base backup goes no further."""
    drop_in = f"/run/systemd/system/{TIMER}.d"
    soon = f"mkdir -p {drop_in} && printf '[Timer]\\nOnActiveSec=1s\\n' >{drop_in}/soon.conf"
    droplet.root(f"{soon} && systemctl daemon-reload && systemctl restart {TIMER}")
    droplet.root("timeout 60 sh -c 'until pkill --signal STOP --exact pg_basebackup; do :; done'")
    droplet.root(f"rm -r {drop_in} && systemctl daemon-reload")


def let_go(droplet: Droplet) -> None:
    droplet.root("pkill --signal CONT --exact pg_basebackup")


def the_next_goes_through(droplet: Droplet) -> None:
    before = backups(droplet)
    droplet.root(f"systemctl start {BACKUP}")
    (made,) = backups(droplet) - before
    is_whole(droplet, made)


def is_whole(droplet: Droplet, backup: str) -> None:
    assert droplet.bootstrap("backup", "verify", backup, DOMAIN, check=False).code == 0


def reboot(droplet: Droplet) -> None:
    droplet.root("systemctl reboot", check=False)


def power_cut(droplet: Droplet) -> None:
    name = status(droplet.bootstrap)["droplet"]["name"]
    droplet.bootstrap("cloud", "faults", "add", "power-cut", "--droplet", name)
    # which starts it again
    droplet.bootstrap("create", "--domain", DOMAIN)


@pytest.mark.long
@pytest.mark.parametrize("ends", [reboot, power_cut])
def test_a_machine_that_ends_in_the_middle(droplet: Droplet, site: Site, ends: Callable[[Droplet], None]) -> None:
    droplet.check()
    before, told = backups(droplet), {word: droplet.told(word, CUT) for word in ("alarm", "over")}
    began = droplet.root(BEGAN)
    held_in_the_middle(droplet)
    ends(droplet)
    until(lambda: droplet.root(BEGAN, check=False) not in ("", began), "it is up again", 180)
    until(lambda: healthy(site), "the site is well again", 180)
    (found,) = [alarm for alarm in droplet.check() if alarm.startswith(CUT)]
    assert "made no backup before the machine started anew" in found
    assert any(alarm["message"] == found for alarm in status(droplet.bootstrap)["alarms"])
    assert droplet.told("alarm", CUT) == told["alarm"] + 1
    assert backups(droplet) == before
    the_next_goes_through(droplet)
    assert not any(alarm.startswith(CUT) for alarm in droplet.check())
    assert droplet.told("over", CUT) == told["over"] + 1


def healthy(site: Site) -> bool:
    try:
        return site.request("GET", "/health/").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.long
def test_a_disk_that_fills_up_in_the_middle(droplet: Droplet, site: Site) -> None:
    """To the last block that PostgreSQL may take. A backup needs no room; the database may. One that cannot go on is
    told, one that can is whole."""
    before = backups(droplet)
    held_in_the_middle(droplet)
    try:
        # nearly all at once, then what its own extents leave, and some of what is kept for root
        free = f"$(df --output=avail --block-size=1M {paths.DATA} | tail -1)"
        droplet.root(
            f"fallocate --length $(({free} - 64))M {HOG}; head --bytes=128M /dev/zero >>{HOG}; sync", check=False
        )
        assert droplet.root(f"df --output=avail {paths.DATA} | tail -1").strip() == "0"
        let_go(droplet)
        ended = f"systemctl show {BACKUP} --property=SubState --value"
        until(lambda: droplet.root(ended).strip() in ("dead", "failed", "auto-restart"), "it has ended", 180)
        found = droplet.check()
        assert any(alarm.startswith(DISK) for alarm in found), found
        made = backups(droplet) - before
        assert len(made) + sum(alarm.startswith(f"{BACKUP} failed: ") for alarm in found) == 1, (made, found)
        for backup in made:
            is_whole(droplet, backup)
    finally:
        droplet.root(f"rm --force {HOG}")
        droplet.root(AGAIN)
    until(lambda: healthy(site), "the site is well again", 180)
    the_next_goes_through(droplet)
    assert not any(alarm.startswith((DISK, BACKUP)) for alarm in droplet.check())


@pytest.mark.long
def test_a_replacement_in_the_middle_waits_for_its_end(droplet: Droplet, bootstrap: Bootstrap, site: Site) -> None:
    before, name = backups(droplet), status(bootstrap)["droplet"]["name"]
    held_in_the_middle(droplet)
    argv = [str(bootstrap.program), "--cloud", "local", "redeploy", DOMAIN]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=bootstrap.work, env=dict(bootstrap.env), stderr=pipe, text=True) as running:
        assert running.stderr
        said = []
        for line in running.stderr:
            said.append(line)
            if "waiting, as " in line and len(backups(droplet) - before) == 0:
                assert status(bootstrap)["droplet"]["name"] == name and healthy(site)
                let_go(droplet)
    assert running.returncode == 0, said
    assert any("waiting, as " in line for line in said), said
    (made,) = backups(droplet) - before
    is_whole(droplet, made)
    assert status(bootstrap)["droplet"]["name"] != name
    the_next_goes_through(droplet)
