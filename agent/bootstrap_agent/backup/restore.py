"""The way back: everything is fetched, verified, recovered and unpacked beside what is in use, and takes its place at
the end. A restore that fails leaves what was there, and up to then the site serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import msgspec
from msgspec import UNSET

from bootstrap_agent import secrets, stack, stopping, volume
from bootstrap_agent.backup import evidence, identities, pipeline, settings, version1
from bootstrap_agent.backup.choose import Chosen, check, choose
from bootstrap_agent.backup.cluster import Cluster
from bootstrap_agent.backup.database import Database
from bootstrap_agent.backup.media import Staging
from bootstrap_agent.backup.pipeline import Identity
from bootstrap_agent.backup.recovery import Recovery, Server, rows_differ
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import source_of
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import Restored, RestoredDatabase, RestoreOrder
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError, BootstrapError
from bootstrap_agent.contract.manifest import ClusterPart, Held, Manifest, MediaPart
from bootstrap_agent.contract.paths import AFTER_RESTORE, SANITISE
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.files import exchange, write_atomic
from bootstrap_agent.run import note

Reached = dict[str, identities.Reached]


def restore(
    wanted: str, order: RestoreOrder, release: Release, deployment: Deployment, x: XBootstrap, compose: Compose
) -> Restored:
    """Leaves the databases stopped or running, and everything else stopped: the caller goes on with `stack up`."""
    volume.require_mounted()
    if order.sanitise and not x.sanitise:
        raise BackupError("this image's stack has no x-bootstrap.sanitise", "bake a new one: bootstrap image build")
    # of another deployment, backups are read there, and written here
    store = BackupStore(msgspec.structs.replace(deployment, spaces=order.source) if order.source else deployment)
    chosen = choose(store, wanted, order)
    check(chosen, x)
    if order.settings and chosen.newest.settings:
        note("values and certificates")
        kept = settings.restore(store, chosen.newest.settings, _identity(order, chosen.newest))
        secrets.merge(kept, release.folder)
    return _Restore(store, chosen, order, x, compose, secrets.environment(release.folder)).run()


class _Restore:
    def __init__(
        self,
        store: BackupStore,
        chosen: Chosen,
        order: RestoreOrder,
        x: XBootstrap,
        compose: Compose,
        environment: Mapping[str, str],
    ) -> None:
        self._store, self._chosen, self._order = store, chosen, order
        self._x, self._compose, self._environment = x, compose, environment
        self._staging = Staging()
        self._held: dict[str, Held] = {}

    def run(self) -> Restored:
        media = self._chosen.archive
        try:
            if media:
                self._stage_media(media)
            counts = self._databases()
        except BaseException:
            self._staging.clear(media.folders if media else ())
            raise
        if media:
            self._staging.swap(media.folders)
        return Restored(self._chosen.newest.id, counts, media.folders if media else (), self._held)

    def _databases(self) -> dict[str, RestoredDatabase]:
        """Everything that writes is stopped when this returns."""
        found, names = self._chosen.databases, self._x.databases
        if found is None or names is None:
            self._stop(but=names.service if names else None)
            _mark(self._order)
            return {}
        database = Database(self._compose, names, self._environment)
        if found.cluster is None:
            return self._from_dumps(found, database)
        recovery = Recovery(
            self._store, Cluster(self._compose, names, self._environment), _identity(self._order, found)
        )
        try:
            if self._order.only:
                return self._one(self._order.only, found.cluster, recovery, database)
            return self._all(found.cluster, recovery, database)
        finally:
            recovery.forget()

    def _all(self, part: ClusterPart, recovery: Recovery, database: Database) -> dict[str, RestoredDatabase]:
        assert self._x.databases is not None
        names = list(self._x.databases.names)
        recovery.fetch(part, self._chosen.goal)
        with recovery.server(part, self._chosen.goal) as server:
            counts = self._counted(part, server, names)
            self._stop(but=self._x.databases.service)
            known = self._reached(recovery, database, server.names(names))
            for name in server.names(names):
                identities.raise_above(server.asking(name), known.get(name, {}))
        self._stop()
        _mark(self._order)
        exchange(recovery.folder, recovery.place)
        return counts

    def _one(self, name: str, part: ClusterPart, recovery: Recovery, database: Database) -> dict[str, RestoredDatabase]:
        """One database of the recovered cluster, into the one that serves the others."""
        assert self._x.databases is not None
        if name not in self._x.databases.names:
            raise BackupError(f"there is no database {name}", f"one of {', '.join(self._x.databases.names)}")
        recovery.fetch(part, self._chosen.goal)
        with recovery.server(part, self._chosen.goal) as server:
            counts = self._counted(part, server, [name])
            self._stop(but=self._x.databases.service)
            stack.start(self._compose, [self._x.databases.service])
            known = self._reached(recovery, database, [name])
            identities.raise_above(server.asking(name), known.get(name, {}))
            staged = database.stage(name, self._x.databases.names[name])
            with ExitStack() as running:
                dump, dumped = running.enter_context(source_of([*server.exec("pg_dump"), f"--dbname={name}"]))
                assert dump.stdout is not None
                loaded = running.enter_context(database.load(staged, dump.stdout))[1]
                dump.stdout.close()
                dumped()
                loaded()
        _mark(self._order)
        database.swap([name])
        return counts

    def _from_dumps(self, found: Manifest, database: Database) -> dict[str, RestoredDatabase]:
        assert self._x.databases is not None
        self._stop(but=self._x.databases.service)
        stack.start(self._compose, [self._x.databases.service])
        # makes the roles that own what is restored
        stack.reconcile(self._compose, self._x, [self._x.databases.service])
        parts = {name: part for name, part in found.databases.items() if self._order.only in (None, name)}
        version1.stage_databases(self._store, database, self._x.databases.names, parts)
        _mark(self._order)
        database.swap(list(parts))
        return {name: _counts(part.rows) for name, part in parts.items()}

    def _counted(self, part: ClusterPart, server: Server, names: list[str]) -> dict[str, RestoredDatabase]:
        """At the backup's own mark its rows are known: they are compared before anything is replaced."""
        counts = {name: server.count_rows(name) for name in server.names(names)}
        if self._chosen.goal.restore_point:
            for name, expected in part.rows.items():
                if name in names and (wrong := rows_differ(expected, counts.get(name, {}))):
                    raise BackupError(f"{name}: {wrong[0]}", "nothing was replaced; choose another backup")
        return {name: _counts(rows) for name, rows in counts.items()}

    def _reached(self, recovery: Recovery, database: Database, names: list[str]) -> Reached:
        """How far the sequences were that are replaced; nothing where there is no cluster yet, or one that is broken:
        then they leap."""
        if not (recovery.place / "PG_VERSION").exists():
            return {}
        assert self._x.databases is not None
        try:
            stack.start(self._compose, [self._x.databases.service])
        except BootstrapError as error:
            note(f"the databases that are replaced do not answer: {error.message}")
            return {}
        present = set(database.control("SELECT datname FROM pg_database;"))
        known: Reached = {}
        for name in names:
            if name in present:
                with database.session(name) as session:
                    known[name] = identities.reached(session.ask)
        return known

    def _stage_media(self, media: MediaPart) -> None:
        note(f"media {', '.join(media.folders)}")
        self._staging.begin(media.folders)
        assert self._chosen.media is not None
        if self._chosen.media.version == 1:
            version1.stage_media(self._store, self._staging, media)
        else:
            identity = _identity(self._order, self._chosen.media)
            pipeline.receive(self._store, media, identity, pipeline.into(self._staging.argv), "tar")
        self._staging.require(media.folders)
        if media.holds is not UNSET:
            note("media compared with what they were")
            with self._staging.archive(media.folders) as archive:
                self._held = evidence.of(archive)
                if wrong := evidence.differences(media.holds, self._held):
                    raise BackupError(f"media: {wrong[0]}", "nothing was replaced; choose another backup")

    def _stop(self, but: str | None = None) -> None:
        if others := [service for service in self._compose.services() if service != but]:
            self._compose.run("stop", *others, timeout_s=stopping.STOP_S)


def _counts(rows: Mapping[str, int]) -> RestoredDatabase:
    return RestoredDatabase(len(rows), sum(rows.values()), dict(rows))


def _mark(order: RestoreOrder) -> None:
    """From here on `stack up` empties the queues, which speak of what is gone, and runs the stack's own commands."""
    if order.sanitise:
        write_atomic(SANITISE, b"", 0o600)
    write_atomic(AFTER_RESTORE, b"", 0o600)


def _identity(order: RestoreOrder, found: Manifest) -> Identity:
    if order.identity is None:
        raise BackupError(
            f"backup {found.id} is encrypted to {found.recipient}",
            "name the file of that recovery key: --recovery-key FILE",
        )
    return Identity(order.identity)
