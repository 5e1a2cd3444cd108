"""A deployment without its machine: PostgreSQL and the object store are real, and so is all of the agent's backup."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bootstrap.deployment import recovery
from bootstrap.operations.verify import verify
from bootstrap_agent.backup import archive, create, media
from bootstrap_agent.backup.archive import Archiver
from bootstrap_agent.backup.cluster import Cluster
from bootstrap_agent.backup.database import Database, Lasting
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import deployment as form
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.contract.manifest import FULL, Manifest
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Databases, XBootstrap
from tests.contract.backup.postgres import USER, Composed, Postgres, docker, running
from tests.contract.object_store import between as broken
from tests.contract.object_store import server as object_store
from tests.contract.object_store.between import Between
from tests.contract.object_store.server import SHORT, Server
from tests.fakes.world import World

NAMES = {"auth_db": "auth", "ticket_db": "ticket"}
MEDIA = "media_files"
X = XBootstrap(name="shop", databases=Databases("db", NAMES, "DB_USER"), media=(MEDIA,), health=("/",))
ENVIRONMENT = {"DB_USER": USER}
# more than a pipe holds, however well it is compressed: what is dumped waits for whoever reads it
ROWS = 40_000


@dataclass(frozen=True)
class Deployed:
    """`bucket` is this test's own; `proxy` is between the droplet and it."""

    server: Server
    bucket: str
    proxy: Between
    postgres: Postgres
    compose: Composed
    world: World
    data: Path

    @property
    def deployment(self) -> form.Deployment:
        return form.Deployment(
            domain="example.com",
            names=("example.com",),
            key="example_com",
            volume="v",
            acme=form.Acme("d"),
            spaces=form.Spaces(self.proxy.endpoint, "nyc3", self.bucket, "example_com/"),
            backup=form.Backup(7, recovery.ensure(self.world.settings.recovery_file)),
        )

    @property
    def store(self) -> BackupStore:
        """Without anything between."""
        return self.server.agent(self.bucket)

    def back_up(self, kind: str = FULL) -> Manifest:
        release = Release(name="r", stack_dir=str(self.compose.folder), compose_file="c.yml", images={})
        return create.create(kind, release, self.deployment, X, self.compose, ENVIRONMENT)

    def archiver(self) -> Archiver:
        """As its unit has it."""
        assert X.databases
        database = Database(self.compose, X.databases, ENVIRONMENT)
        cluster = Cluster(self.compose, X.databases, ENVIRONMENT)
        recipient = self.deployment.backup.recipient
        assert recipient
        return Archiver(create.BackupStore(self.deployment), Lasting(database), cluster, recipient)

    def problems(self, backup_id: str | None = None) -> list[str]:
        """As `backup verify` says."""
        env = dataclasses.replace(self.world.env(), store=self.server.store(self.bucket))
        return [problem for found in verify(env, backup_id) for problem in found.problems]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with object_store.running(tmp_path_factory.mktemp("spaces")) as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    # a socket's path is short, and its user must get there
    with tempfile.TemporaryDirectory(prefix="bootstrap-pg-") as folder, running(Path(folder)) as server:
        for name in NAMES:
            server.sql("postgres", f"CREATE DATABASE {name}")
            server.sql(name, f"CREATE TABLE item AS SELECT n, md5(n::text) AS t FROM generate_series(1, {ROWS}) n")
        yield server


@pytest.fixture
def deployed(server: Server, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    stack, data = tmp_path / "stack", tmp_path / "data"
    stack.mkdir()
    (stack / ".env.production").write_text("DB_USER=postgres\n")
    (data / MEDIA).mkdir(parents=True)
    (data / MEDIA / "picture").write_bytes(bytes(range(256)) * 2000)
    key = SpacesKey(server.key.access, server.key.secret)
    monkeypatch.setenv("PATH", docker(postgres, tmp_path / "bin"))
    # it would be these tests that are patient
    monkeypatch.setattr(create.background, "step_back", lambda: None)
    monkeypatch.setattr(create.volume, "require_mounted", lambda: None)
    monkeypatch.setattr(create, "BackupStore", partial(BackupStore, key=key, patience=SHORT))
    archived = media.archive
    monkeypatch.setattr(create.media, "archive", lambda folders, where=data: archived(folders, where))
    monkeypatch.setattr(archive, "ARCHIVE_LOCK", tmp_path / "archive.lock")
    with broken.between(server.endpoint) as proxy:
        compose = Composed(postgres, stack)
        yield Deployed(server, server.new_bucket(), proxy, postgres, compose, World(tmp_path / "laptop"), data)
    # a slot that nobody empties would keep all of the log for the tests that follow
    postgres.sql("postgres", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
