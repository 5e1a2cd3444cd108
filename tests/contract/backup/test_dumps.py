"""A database that is no PostgreSQL, dumped and restored by the stack's own commands: SQLite's programs, an object store
and all of the agent's backup are real, what `docker exec` is told runs on this host."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import pytest

from bootstrap.deployment import recovery
from bootstrap.operations.verify import verify
from bootstrap_agent import loading
from bootstrap_agent.backup import create, dumps, restore
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import deployment as form
from bootstrap_agent.contract import manifest, stack
from bootstrap_agent.contract.answers import Restored, RestoreOrder, SpacesKey
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import DATABASE, Manifest
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Dump
from tests.contract.object_store.server import SHORT, Server
from tests.fakes.world import World

DOCKER = """#!/bin/sh
case "$1 $2" in
    "ps --all" | "ps --quiet") echo app ;;
    "image inspect") echo null ;;
    "exec --interactive") shift 3; exec "$@" ;;
    "exec app") shift 2; exec "$@" ;;
    compose*) ;;
    *) echo "the test's docker was told $*" >&2; exit 64 ;;
esac
"""
# more than pipes hold, however well it is compressed
ROWS = 30_000


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


@dataclass(frozen=True)
class Site:
    """`file` is the application's database."""

    file: Path
    server: Server
    bucket: str
    world: World
    compose: Compose
    deployment: form.Deployment

    @property
    def hooks(self) -> Dump:
        copy, file = self.file.with_suffix(".copy"), self.file
        count = "SELECT 'line', count(*) FROM line"
        return Dump(
            service="app",
            dump=sh(f"sqlite3 {file} '.backup {copy}' && cat {copy} && rm {copy}"),
            restore=sh(f"cat >{copy} && sqlite3 {file} '.restore {copy}' && rm {copy}"),
            ready=sh(f"sqlite3 {file} 'SELECT 1'"),
            count=sh(f"sqlite3 -separator ' ' {file} \"{count}\""),
        )

    def x(self, **changed: tuple[str, ...] | None) -> stack.XBootstrap:
        hooks = msgspec.structs.replace(self.hooks, **changed)
        return stack.XBootstrap(name="shop", health=("/",), dumps={"shop": hooks})

    def sql(self, text: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.file) as connection:
            return connection.execute(text).fetchall()

    @property
    def release(self) -> Release:
        return Release(name="r", stack_dir=str(self.compose.folder), compose_file="c.yml", images={})

    @property
    def store(self) -> BackupStore:
        return self.server.agent(self.bucket)

    def back_up(self, **changed: tuple[str, ...] | None) -> Manifest:
        return create.create(DATABASE, self.release, self.deployment, self.x(**changed), self.compose, {})

    def restore(self, backup_id: str = "latest", **changed: tuple[str, ...] | None) -> Restored:
        return self.restore_as(self.x(**changed), backup_id)

    def restore_as(self, x: stack.XBootstrap, backup_id: str = "latest", only: str | None = None) -> Restored:
        file, recipient = self.world.settings.recovery_file, self.deployment.backup.recipient
        assert recipient
        order = RestoreOrder(recovery.secret(file, recipient), only=only)
        return restore.restore(backup_id, order, self.release, self.deployment, x, self.compose)

    def problems(self) -> list[str]:
        """As `backup verify` says."""
        env = dataclasses.replace(self.world.env(), store=self.server.store(self.bucket))
        return [problem for found in verify(env) for problem in found.problems]


@pytest.fixture
def site(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder, programs = tmp_path / "stack", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    (folder / ".env.production").write_text("A=1\n")
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.setattr(create.background, "step_back", lambda: None)
    for module in (create, restore):
        monkeypatch.setattr(module.volume, "require_mounted", lambda: None)
    monkeypatch.setattr(restore, "AFTER_RESTORE", tmp_path / "after-restore")
    # nothing starts or stops here
    monkeypatch.setattr(restore.stack, "start", lambda compose, services: None)
    key = SpacesKey(server.key.access, server.key.secret)
    for module in (create, restore):
        monkeypatch.setattr(module, "BackupStore", partial(BackupStore, key=key, patience=SHORT))
    monkeypatch.setattr(dumps, "READY_S", 1)
    world, bucket = World(tmp_path / "laptop"), server.new_bucket()
    deployment = form.Deployment(
        domain="example.com",
        names=("example.com",),
        key="example_com",
        volume="v",
        acme=form.Acme("d"),
        spaces=form.Spaces(server.endpoint, "nyc3", bucket, "example_com/"),
        backup=form.Backup(7, recovery.ensure(world.settings.recovery_file)),
    )
    compose = Compose(Release(name="r", stack_dir=str(folder), compose_file="c.yml", images={}))
    compose.__dict__["model"] = {"name": "test", "services": {"app": {"image": "app:1"}, "worker": {"image": "app:1"}}}
    site = Site(tmp_path / "shop.db", server, bucket, world, compose, deployment)
    site.sql("CREATE TABLE line (n INTEGER PRIMARY KEY, said TEXT)")
    with sqlite3.connect(site.file) as connection:
        rows = ((n, f"{n * 7919 % 104729:x}" * 8) for n in range(ROWS))
        connection.executemany("INSERT INTO line VALUES (?, ?)", rows)
    yield site


def test_rows_come_back_and_what_was_written_since_is_gone(site: Site) -> None:
    before = site.sql("SELECT * FROM line")
    made = site.back_up()
    part = made.dumped["shop"]
    assert (part.rows, part.written) == ({"line": (ROWS, ROWS)}, site.file.stat().st_size)
    assert part.key == f"example_com/dump_backup_{made.id}_shop.zst.age"
    assert site.store.manifest(made.id) == made and site.problems() == []
    site.sql("DELETE FROM line WHERE n < 10000")
    restored = site.restore()
    assert site.sql("SELECT * FROM line") == before
    assert restored.databases["shop"].by_table == {"line": ROWS}
    assert restore.AFTER_RESTORE.exists(), "queues speak of what is gone"


BROKEN = {
    "fails at once": "echo 'no such server' >&2; exit 3",
    "fails in the middle": "head -c 3000000 /dev/urandom; echo 'no such server' >&2; exit 3",
    "is killed in the middle": "head -c 3000000 /dev/urandom; echo 'no such server' >&2; kill -9 $$",
    "fails after all of it": "cat /bin/sh; echo 'no such server' >&2; exit 1",
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=list(BROKEN))
def test_a_dump_that_fails_is_no_backup(site: Site, script: str) -> None:
    with pytest.raises(BackupError, match=r"^dump of shop failed: no such server"):
        site.back_up(dump=sh(script))
    assert site.store.manifest_ids() == [] and site.store.object_keys() == []
    assert site.store.abort_unfinished() == 0
    site.back_up()
    assert site.problems() == []


def test_a_dump_of_nothing_is_no_backup(site: Site) -> None:
    """`false | cat` ends with 0."""
    with pytest.raises(BackupError, match="dump of shop wrote nothing"):
        site.back_up(dump=sh("false | cat"))
    assert site.store.object_keys() == []


@pytest.mark.parametrize(("count", "match"), [("exit 4", "count of shop"), ("echo two words", "'two words'")])
def test_a_count_that_fails_or_says_something_else(site: Site, count: str, match: str) -> None:
    with pytest.raises(BackupError, match=match):
        site.back_up(count=sh(count))
    assert site.store.manifest_ids() == []


def test_a_database_that_is_not_ready_is_told_in_its_own_words(site: Site) -> None:
    with pytest.raises(BackupError, match="shop was not ready within 1 s: starting"):
        site.back_up(ready=sh("echo starting; exit 1"))


def test_what_is_damaged_is_found_before_anything_is_replaced(site: Site) -> None:
    made = site.back_up()
    client, key = site.server.client(), made.dumped["shop"].key
    whole = client.get_object(Bucket=site.bucket, Key=key)["Body"].read()
    site.sql("DELETE FROM line WHERE n < 10000")
    for broken in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1])):
        client.put_object(Bucket=site.bucket, Key=key, Body=broken)
        assert [problem.split()[0] for problem in site.problems()] == [key]
        with pytest.raises(BackupError, match=f"{key} is damaged"):
            site.restore(restore=sh(f"cat >/dev/null; rm {site.file}"))
        assert site.sql("SELECT count(*) FROM line") == [(ROWS - 10000,)]


def test_a_restore_that_fails_says_that_half_may_be_there(site: Site) -> None:
    site.back_up()
    with pytest.raises(BackupError, match=r"^restore of shop failed: bad row; shop may be half replaced") as failure:
        site.restore(restore=sh("head -c 100000 >/dev/null; echo bad row >&2; exit 1"))
    assert failure.value.remedy and "bootstrap backup list" in failure.value.remedy
    site.restore()


def test_what_came_back_is_counted(site: Site) -> None:
    site.back_up()
    site.sql("DELETE FROM line WHERE n < 10000")
    with pytest.raises(BackupError, match=f"line has {ROWS - 10000} rows, not {ROWS}"):
        site.restore(restore=sh("cat >/dev/null"))


def test_what_is_too_old_goes_with_its_dump(site: Site) -> None:
    made, store = site.back_up(), site.store
    part = made.dumped["shop"]
    for year in ("2019", "2020"):
        old = year + made.id[4:]
        aged_part = msgspec.structs.replace(part, key=part.key.replace(made.id, old))
        store.put(aged_part.key, b"".join(store.chunks(part.key)))
        aged = msgspec.structs.replace(made, id=old, created_at=manifest.time_of(old), dumps={"shop": aged_part})
        store.put(f"example_com/manifest_{old}.json", manifest.render(aged))
    deployment = msgspec.structs.replace(site.deployment, backup=form.Backup(1, keep=form.Keep(1, 0, 0)))
    assert create.prune(deployment).removed == (f"2019{made.id[4:]}",)
    left = {key for key in store.object_keys() if "dump_backup" in key}
    assert left == {part.key, part.key.replace(made.id, f"2020{made.id[4:]}")}


def test_one_by_its_name(site: Site) -> None:
    site.back_up()
    site.sql("DELETE FROM line")
    with pytest.raises(BackupError, match="there is no database other"):
        site.restore_as(site.x(), only="other")
    assert site.sql("SELECT count(*) FROM line") == [(0,)] and not restore.AFTER_RESTORE.exists()
    site.restore_as(site.x(), only="shop")
    assert site.sql("SELECT count(*) FROM line") == [(ROWS,)]


def test_one_that_an_older_backup_does_not_hold_is_refused_before_anything_stops(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack has learnt of a second one since."""
    site.back_up()
    site.sql("DELETE FROM line")
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(Compose, "run", lambda self, *words, **more: asked.append(words))
    newer = msgspec.structs.replace(site.x(), dumps={"shop": site.hooks, "ledger": site.hooks})
    with pytest.raises(BackupError, match="the backup holds no ledger"):
        site.restore_as(newer, only="ledger")
    assert not [words for words in asked if "stop" in words] and not restore.AFTER_RESTORE.exists()
    site.restore_as(newer, only="shop")
    assert site.sql("SELECT count(*) FROM line") == [(ROWS,)]


def test_a_release_that_does_not_know_it_restores_nothing(site: Site) -> None:
    site.back_up()
    with pytest.raises(BackupError, match="holds shop, which this release does not know"):
        site.restore_as(stack.XBootstrap(name="shop", health=("/",)))


def test_dollars_are_written_as_in_any_compose_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text(
        "x-bootstrap:\n  name: x\n  health: [/]\n  dumps:\n    shop: {service: db, dump: [sh, -c, 'echo $$A $${B}'], "
        "restore: [cat]}\n"
    )
    assert loading.x_bootstrap(file).dumps["shop"].dump == ("sh", "-c", "echo $A ${B}")
