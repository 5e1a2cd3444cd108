"""All that a backup promises, with people at work: one moment for everything, a moment to go back to, and the way back
from nothing but two keys and a token, on another computer.

The tests share one deployment and stand in the order of its life.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import digitalocean
import pytest
import stamina

from bootstrap.adapters.spaces import Spaces
from bootstrap.settings import Settings
from bootstrap_agent.backup.database import COUNT
from bootstrap_agent.contract.manifest import new_id
from tests.pages import Page
from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.drills import drilling, drills, held, nothing_is_reached, sealed, stack_starts
from tests.rehearsal.machines import Machine
from tests.rehearsal.people import Person, sign_up
from tests.rehearsal.visitors import busy
from tests.waiting import until

pytestmark = pytest.mark.root

DOMAIN = "recovery.test"
# what a machine may take with it: the archiver's pace, a transfer, and a busy host
LOST_S = 60
# the first restore shows that there is a safety backup
UNSAFE = ("--yes", "--no-safety-backup")
DUMP = "sudo docker exec ticket-tracking-db-1 pg_dump"
PSQL = "sudo docker exec -i ticket-tracking-db-1 psql --no-psqlrc --quiet --tuples-only --no-align"
DATABASES = ("auth_db", "ticket_db", "workflow_db", "messaging_db", "notification_db")
# every column of the five databases that names something in another one
REFERENCES = (
    ("messaging_db", "messaging_comment.ticket_id", "ticket_db", "tickets_ticket"),
    ("messaging_db", "messaging_comment.author_id", "auth_db", "accounts_user"),
    ("workflow_db", "workflow_flow.ticket_id", "ticket_db", "tickets_ticket"),
    ("workflow_db", "workflow_flow.owner_id", "auth_db", "accounts_user"),
    ("workflow_db", "workflow_move.by_id", "auth_db", "accounts_user"),
    ("notification_db", "notification_notification.ticket_id", "ticket_db", "tickets_ticket"),
    ("notification_db", "notification_notification.person_id", "auth_db", "accounts_user"),
    ("notification_db", "notification_assignment.ticket_id", "ticket_db", "tickets_ticket"),
    ("ticket_db", "tickets_ticket.owner_id", "auth_db", "accounts_user"),
)


@dataclasses.dataclass
class Confirmed:
    """What people were told is there: ticket → when, and the comment on it."""

    tickets: dict[int, float] = dataclasses.field(default_factory=dict)
    comments: dict[int, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Work:
    """A person who opens tickets, one after the other, and comments each."""

    person: Person
    confirmed: Confirmed = dataclasses.field(default_factory=Confirmed)

    def __post_init__(self) -> None:
        self._client = self.person.log_in()

    def visit(self) -> str | None:
        made = self._client.post("/api/tickets/", json={"title": f"Ticket {time.time()}", "description": "x" * 200})
        if made.status_code != 201:
            return made.text
        number = made.json()["id"]
        self.confirmed.tickets[number] = time.time()
        said = self._client.post(f"/api/messaging/tickets/{number}/comments/", json={"body": f"On {number}"})
        if said.status_code != 201:
            return said.text
        self.confirmed.comments[number] = time.time()
        return None


@pytest.fixture(scope="module")
def laptop(bootstrap: Bootstrap, image: dict[str, Any], cloud: dict[str, Any]) -> Iterator[Bootstrap]:
    bootstrap("create", "--domain", DOMAIN)
    yield bootstrap
    bootstrap("destroy", DOMAIN, "--volume", "--backups", "--yes")


def site_of(laptop: Bootstrap, like: Site) -> Site:
    return Site(DOMAIN, laptop("status", DOMAIN, "--json").json()["reserved_ip"], like.tls)


@pytest.fixture(scope="module")
def work(laptop: Bootstrap, site: Site, cloud: dict[str, Any]) -> Work:
    return Work(sign_up(site_of(laptop, site), cloud, "grace"))


def sql(laptop: Bootstrap, database: str, query: str) -> list[str]:
    return laptop("ssh", DOMAIN, f"{PSQL} --dbname={database}", stdin=query).out.split()


def dangling(laptop: Bootstrap) -> list[str]:
    """Everything that refers to what is not there, over all five databases."""
    found = []
    for database, column, elsewhere, table in REFERENCES:
        source, name = column.split(".")
        named = set(sql(laptop, database, f"SELECT DISTINCT {name} FROM {source} WHERE {name} IS NOT NULL;"))
        present = set(sql(laptop, elsewhere, f"SELECT id FROM {table};"))
        found += [f"{database}.{column} = {lost}" for lost in sorted(named - present)]
    return found


def store_of(cloud: dict[str, Any]) -> tuple[Spaces, str]:
    settings, where = Settings(domain=DOMAIN), cloud["spaces"]
    place = (where["endpoint"], where["region"], settings.bucket, where["access_key"], where["secret_key"])
    return Spaces(*place), settings.prefix


def test_a_new_deployment_has_its_base_backup_at_once(laptop: Bootstrap) -> None:
    """Nobody asks for it: without it, the log of the first day would restore nothing."""

    def made() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = laptop("backup", "list", DOMAIN, "--json", unlogged=True).json()
        return found

    _until(lambda: bool(made()), timeout_s=180)
    # until its archiver has looked again
    _until(lambda: "baseless_since" not in laptop("status", DOMAIN, "--json", unlogged=True).json()["archive"])
    (only,) = made()
    assert (only["kind"], sorted(only["databases"])) == ("database", sorted(DATABASES))
    told = laptop("ssh", DOMAIN, "--", "sudo", "journalctl", "--unit=bootstrap-archive", "--output=cat").out
    assert "the log has no base backup yet: one is begun" in told


@pytest.fixture(scope="module")
def first(laptop: Bootstrap, work: Work) -> dict[str, Any]:
    """A backup made while people write."""
    with busy(work.visit, work.visit) as seen:
        made: dict[str, Any] = laptop("backup", "now", DOMAIN, "--json").json()
    assert seen.answered > 3 and not seen.failed, seen
    return made


def test_a_backup_made_while_people_write_is_of_one_moment(
    laptop: Bootstrap, work: Work, first: dict[str, Any]
) -> None:
    with busy(work.visit) as seen:
        # so that the site has gone on when it is taken back
        until_more = len(work.confirmed.tickets) + 3
        _until(lambda: len(work.confirmed.tickets) >= until_more)
    assert not seen.failed, seen
    newest = max(work.confirmed.tickets)
    done = laptop("restore", first["id"], DOMAIN, "--yes")
    assert "safety backup of what is there" in done.err
    assert dangling(laptop) == []
    assert work.visit() is None
    assert max(work.confirmed.tickets) > newest, "no number is given out twice"
    # the mark's rows, as its manifest says
    assert first["cluster"]["rows"]["ticket_db"]["public.tickets_ticket"][0] > 0


def test_back_to_a_second(laptop: Bootstrap, work: Work, site: Site) -> None:
    assert work.visit() is None
    before = max(work.confirmed.tickets)
    (moment,) = sql(
        laptop,
        "ticket_db",
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"');",
    )
    assert work.visit() is None
    after = max(work.confirmed.tickets)
    # nothing is backed up before, and the log of this moment is still on the droplet
    laptop("restore", "latest", DOMAIN, "--to", moment, *UNSAFE)
    present = set(map(int, sql(laptop, "ticket_db", "SELECT id FROM tickets_ticket;")))
    assert before in present and after not in present
    assert dangling(laptop) == []


def test_one_database_and_the_media_alone(laptop: Bootstrap, work: Work, first: dict[str, Any]) -> None:
    comments = set(sql(laptop, "messaging_db", "SELECT id FROM messaging_comment;"))
    laptop("ssh", DOMAIN, f"{PSQL} --dbname=workflow_db", stdin="DELETE FROM workflow_move; DELETE FROM workflow_flow;")
    laptop("restore", "latest", DOMAIN, "--only", "workflow_db", *UNSAFE)
    assert sql(laptop, "workflow_db", "SELECT count(*) FROM workflow_flow;") != ["0"]
    assert set(sql(laptop, "messaging_db", "SELECT id FROM messaging_comment;")) == comments
    laptop("ssh", DOMAIN, "--", "sudo", "sh", "-c", "echo lost > /srv/data/media_files/written-since")
    laptop("restore", first["id"], DOMAIN, "--only", "media", *UNSAFE)
    assert "written-since" not in laptop("ssh", DOMAIN, "--", "ls", "/srv/data/media_files").out


@pytest.mark.long
def test_a_backup_of_version_1_is_restored(laptop: Bootstrap, work: Work, cloud: dict[str, Any]) -> None:
    """As releases up to 0.2.0 made them: a dump of each database by itself, gzip, in the clear. In CI without
    a machine: tests/contract/backup/test_version1.py."""
    store, prefix = store_of(cloud)
    made = datetime.now(timezone.utc) - timedelta(days=1)
    backup_id, parts, tickets = new_id(made), {}, {*sql(laptop, "ticket_db", "SELECT id FROM tickets_ticket;")}
    for database in DATABASES:
        dump = laptop("ssh", DOMAIN, f"{DUMP} {database}", unlogged=True).out
        stored = gzip.compress(dump.encode())
        counted = laptop("ssh", DOMAIN, f"{PSQL} --dbname={database}", stdin=COUNT).out.splitlines()
        key = f"{prefix}postgres_backup_{backup_id}_{database}.sql.gz"
        rows = dict(map(json.loads, counted))
        parts[database] = {"key": key, "size": len(stored), "sha256": sha256(stored).hexdigest(), "rows": rows}
        put(store, key, stored)
    manifest = {"version": 1, "id": backup_id, "kind": "database", "created_at": f"{made:%Y-%m-%dT%H:%M:%SZ}"}
    manifest |= {"databases": parts, "media": None, "release": "bootstrap-ticket-tracking-20260101"}
    put(store, f"{prefix}manifest_{backup_id}.json", json.dumps(manifest).encode())
    assert work.visit() is None
    newest = max(work.confirmed.tickets)
    laptop("restore", backup_id, DOMAIN, *UNSAFE)
    assert {*sql(laptop, "ticket_db", "SELECT id FROM tickets_ticket;")} == tickets
    assert dangling(laptop) == []
    assert work.visit() is None and max(work.confirmed.tickets) > newest, "no number is given out twice"
    for kind in ("manifest", "postgres_backup"):
        store.delete_prefix(f"{prefix}{kind}_{backup_id}")


def put(store: Spaces, key: str, content: bytes) -> None:
    store._bucket.client.put_object(Bucket=store._bucket.name, Key=key, Body=content)


def test_nothing_in_the_bucket_can_be_read_without_the_key(
    laptop: Bootstrap, work: Work, cloud: dict[str, Any], first: dict[str, Any]
) -> None:
    env = laptop("ssh", DOMAIN, "--", "sudo", "bootstrap-agent", "secrets", "get", unlogged=True).json()["env"]
    known = [work.person.email, "On 1", *(value for name, value in env.items() if "PASSWORD" in name and value)]
    store, prefix = store_of(cloud)
    objects = store.list(prefix)
    assert len(objects) > 8
    for found in objects:
        content = store.read(found.key)
        assert not [text for text in known if text.encode() in content], found.key
        if found.key.endswith(".age"):
            assert content.startswith(b"age-encryption.org/v1\n"), found.key


def test_the_key_that_opens_is_on_no_droplet(laptop: Bootstrap) -> None:
    looked = laptop(
        "ssh", DOMAIN, "sudo sh -c 'grep -rlsaE AGE-SECRET[-]KEY-1 /etc /home /root /run /srv /tmp /var /dev/shm; true'"
    )
    assert looked.out == ""


@pytest.mark.long
def test_a_drill_that_is_killed_leaves_its_machine_to_the_next(laptop: Bootstrap, cloud: dict[str, Any]) -> None:
    """In CI with every call that it may be killed at, without a machine: tests/unit/operations/test_drill.py."""
    before = held(cloud)
    with drilling(laptop, DOMAIN) as killed:
        _until(lambda: drills(cloud), timeout_s=180)
        killed.kill()
    assert held(cloud) != before
    with drilling(laptop, DOMAIN) as running:
        _, told = running.communicate(timeout=840)
    assert running.returncode == 0, told
    until(lambda: held(cloud) == before, "all that both made is gone")


def test_a_drill(laptop: Bootstrap, work: Work, first: dict[str, Any], cloud: dict[str, Any], tmp_path: Path) -> None:
    """From its machine nothing is reached; all that it made is gone."""
    before, status = held(cloud), laptop("status", DOMAIN, "--json").json()
    objects = {one.key for one in store_of(cloud)[0].list(store_of(cloud)[1]) if "/wal/" not in one.key}
    with drilling(laptop, DOMAIN, "--report", str(tmp_path / "drill.html")) as running:
        machine = Machine(_until(lambda: sealed(cloud, laptop), timeout_s=420), laptop.work / "ssh" / "digitalocean")
        stack_starts(machine)
        # it waits, and so does its machine's end
        running.send_signal(signal.SIGSTOP)
        try:
            nothing_is_reached(machine, cloud)
        finally:
            running.send_signal(signal.SIGCONT)
        said, told = running.communicate(timeout=420)
    assert running.returncode == 0, told
    outcome = json.loads(said)
    assert outcome["passed"] and outcome["backup"] and len(outcome["tables"]) > 20, outcome
    assert all(one["well"] for kind in ("checks", "tables", "objects") for one in outcome[kind]), outcome
    assert "passed" in (tmp_path / "drill.html").read_text()
    until(lambda: held(cloud) == before, "all that it made is gone")
    now = laptop("status", DOMAIN, "--json").json()
    assert (now["droplet"], now["reserved_ip"], now["healthy"]) == (status["droplet"], status["reserved_ip"], True)
    assert now["drill"]["passed"] and now["drill"]["last_passed"] == now["drill"]["at"]
    left = {
        one.key
        for one in store_of(cloud)[0].list(store_of(cloud)[1])
        if not {"wal", "history"} & set(one.key.split("/"))
    }
    assert {key.rpartition("/")[2] for key in left - objects} == {"drill.json"}
    page = tmp_path / "report.html"
    laptop("report", DOMAIN, "--html", str(page))
    seen = Page(page.read_text())
    assert f"{DOMAIN}: live, healthy" in seen.text and "Last drillpassed" in seen.text
    print(f"drill: RTO {outcome['rto_s']} s, RPO {outcome['rpo_s']} s, {outcome['seconds']:.0f} s in all")


def test_without_this_software(cloud: dict[str, Any], laptop: Bootstrap, first: dict[str, Any], tmp_path: Path) -> None:
    """docs/recovery-by-hand.md, its code blocks as they stand."""
    page = (Path(__file__).parents[2] / "docs" / "recovery-by-hand.md").read_text()
    blocks = [block.split("```")[0] for block in page.split("```sh\n")[1:]]
    key = Path(laptop.env["XDG_CONFIG_HOME"]) / "bootstrap" / "recovery.key"
    (tmp_path / "recovery.key").write_text(key.read_text())
    script = "set -euo pipefail\n" + "\n".join(blocks)
    settings, where = Settings(domain=DOMAIN), cloud["spaces"]
    env = {
        **os.environ,
        "ID": first["id"],
        "DATABASE": "ticket_db",
        "ENDPOINT": where["endpoint"],
        "REGION": where["region"],
        "BUCKET": settings.bucket,
        "PREFIX": settings.prefix,
        "SPACES_ACCESS_KEY_ID": where["access_key"],
        "SPACES_SECRET_ACCESS_KEY": where["secret_key"],
        "NO_PROXY": "*",
    }
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "CREATE TABLE public.tickets_ticket" in (tmp_path / "ticket_db.sql").read_text()
    assert (tmp_path / "cluster" / "PG_VERSION").read_text().strip() == first["cluster"]["postgres"].split(".")[0]
    assert (tmp_path / "media" / "media_files").is_dir()
    assert list((tmp_path / "settings").rglob(".env.production"))


def test_from_nothing_on_another_computer(
    laptop: Bootstrap, work: Work, site: Site, cloud: dict[str, Any], tmp_path: Path
) -> None:
    """The power fails while people work, the volume is gone and so is the laptop: the token, the Spaces key and the
    recovery key are what is left."""
    earlier, last = max(work.confirmed.tickets), Work(work.person)
    with busy(last.visit) as seen:
        _until(lambda: len(last.confirmed.tickets) > 20)
        _cut_power(cloud)
        cut = time.time()
    assert seen.answered > 20
    laptop("destroy", DOMAIN, "--volume", "--yes")
    other = dataclasses.replace(
        laptop,
        work=tmp_path,
        env={**laptop.env, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")},
    )
    stack = json.dumps(str(Path(__file__).parents[2] / "stack"))
    (tmp_path / "bootstrap.yaml").write_text(f"stack: {stack}\nssh_key: ssh/key\nrecovery_key: recovery.key\n")
    refused = other("create", "--domain", DOMAIN, "--from-backup", "latest", check=False)
    assert refused.code == 3 and "recovery key" in refused.err, refused.err
    key = Path(laptop.env["XDG_CONFIG_HOME"]) / "bootstrap" / "recovery.key"
    (tmp_path / "recovery.key").write_bytes(key.read_bytes())
    (tmp_path / "recovery.key").chmod(0o600)
    other("create", "--domain", DOMAIN, "--from-backup", "latest")
    found = set(map(int, sql(other, "ticket_db", "SELECT id FROM tickets_ticket;")))
    lost = [at for number, at in last.confirmed.tickets.items() if number not in found]
    assert all(at > cut - LOST_S for at in lost), f"{len(lost)} lost, the oldest {cut - min(lost):.0f} s before the cut"
    assert dangling(other) == []
    again = Work(dataclasses.replace(work.person, site=site_of(other, site)))
    assert again.visit() is None, "a log-in of before works"
    assert min(again.confirmed.tickets) > max(earlier, *last.confirmed.tickets), "no number is given out twice"
    print(f"confirmed writes lost with the machine: {len(lost)}, of the last {cut - min(lost, default=cut):.1f} s")


def _cut_power(cloud: dict[str, Any]) -> None:
    manager = digitalocean.Manager(token=cloud["watcher_token"])
    (droplet,) = [one for one in manager.get_all_droplets() if one.name.startswith(DOMAIN)]
    droplet.power_off(return_dict=False).wait(update_every_seconds=1)


def _until(true: Any, timeout_s: float = 90) -> Any:
    for attempt in stamina.retry_context(on=LookupError, attempts=None, timeout=timeout_s, wait_max=0.5):
        with attempt:
            if not (found := true()):
                raise LookupError
    return found
