"""The way back: everything is fetched, verified, recovered and unpacked beside what is in use, and takes its place at
the end. A restore that fails leaves what was there, and up to then the site serves it. What the stack dumps itself
comes last: it has no place beside, so it is read to its end first of all, and then goes into its service.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing

import msgspec
from msgspec import UNSET

from bootstrap_agent import secrets, stack, stopping, volume
from bootstrap_agent.backup import dumps, evidence, identities, pipeline, settings, version1
from bootstrap_agent.backup.archive import Archiver
from bootstrap_agent.backup.choose import Chosen, check, choose
from bootstrap_agent.backup.cluster import Cluster
from bootstrap_agent.backup.database import Database, Lasting
from bootstrap_agent.backup.media import Staging
from bootstrap_agent.backup.pipeline import Identity
from bootstrap_agent.backup.recipient import recipient_of
from bootstrap_agent.backup.recovery import Recovery, Server
from bootstrap_agent.backup.rows import rows_differ
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import source_of
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import Restored, RestoredDatabase, RestoreOrder
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError, BootstrapError
from bootstrap_agent.contract.manifest import ClusterPart, DumpPart, Held, Manifest, MediaPart
from bootstrap_agent.contract.paths import AFTER_RESTORE, SANITISE
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Databases, XBootstrap
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
    _require_known(order.only, x)
    _require_held(order.only, chosen, x)
    if order.settings and chosen.newest.settings:
        note("values and certificates")
        kept = settings.restore(store, chosen.newest.settings, _identity(order, chosen.newest))
        secrets.merge(kept, release.folder)
    environment = secrets.environment(release.folder)
    if chosen.databases and chosen.goal.time and x.databases and not order.source:
        _send_the_log(deployment, x.databases, store, compose, environment)
    return _Restore(store, chosen, order, x, compose, environment).run()


def _send_the_log(
    deployment: Deployment, names: Databases, store: BackupStore, compose: Compose, environment: Mapping[str, str]
) -> None:
    """A moment of just now lies in the part of the log that is still here. Where that cannot be sent, recovery says
    whether what is in Spaces reaches so far."""
    if not stopping.of(stopping.running(compose), [names.service]):
        return
    try:
        with closing(Lasting(Database(compose, names, environment))) as database:
            archiver = Archiver(store, database, Cluster(compose, names, environment), recipient_of(deployment))
            # the log may have been let go, with its slot
            archiver.begin()
            archiver.flush()
    except BootstrapError as error:
        note(f"what was written last is not sent before: {error.message}")


def _require_known(only: str | None, x: XBootstrap) -> None:
    names = [*(x.databases.names if x.databases else ()), *x.dumps]
    if only not in (None, "media", *names):
        raise BackupError(f"there is no database {only}", f"one of {', '.join(names) or 'none'}")


def _require_held(only: str | None, chosen: Chosen, x: XBootstrap) -> None:
    """A backup of before may lack a database that the stack has today."""
    found = chosen.databases
    if only in (None, "media") or found is None:
        return
    in_cluster = found.cluster is not None and x.databases is not None and only in x.databases.names
    if not (in_cluster or only in found.databases or only in found.dumped):
        raise _lacks(only)


def _lacks(name: str) -> BackupError:
    return BackupError(f"the backup holds no {name}", "bootstrap backup list")


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
            others = self._verified_dumps()
            counts = self._databases()
            counts.update(self._dumps(others))
        except BaseException:
            self._staging.clear(media.folders if media else ())
            raise
        if media:
            self._staging.swap(media.folders)
        return Restored(self._chosen.newest.id, counts, media.folders if media else (), self._held)

    def _verified_dumps(self) -> dict[str, DumpPart]:
        """Those that are wanted, and are whole."""
        found = self._chosen.databases
        if found is None:
            return {}
        parts = {name: part for name, part in found.dumped.items() if self._order.only in (None, name)}
        if parts:
            note(f"dumps {', '.join(parts)}")
            dumps.verify(self._store, parts.values(), lambda: _identity(self._order, found))
        return parts

    def _dumps(self, parts: Mapping[str, DumpPart]) -> dict[str, RestoredDatabase]:
        """Everything else is stopped, in case it writes there; what these need is started with them."""
        if not parts:
            return {}
        assert self._chosen.databases is not None
        services = dumps.services_of(self._x.dumps[name] for name in parts)
        self._stop(but=services)
        stack.start(self._compose, services)
        identity = _identity(self._order, self._chosen.databases)
        return {
            name: dumps.restore(name, self._x.dumps[name], part, self._compose, self._store, identity)
            for name, part in parts.items()
        }

    def _databases(self) -> dict[str, RestoredDatabase]:
        """Everything that writes is stopped when this returns."""
        found, names = self._chosen.databases, self._x.databases
        if found is None or names is None or not (found.cluster or found.databases) or self._order.only in found.dumped:
            self._stop(but=[names.service] if names else ())
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
            self._stop(but=[self._x.databases.service])
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
        recovery.fetch(part, self._chosen.goal)
        with recovery.server(part, self._chosen.goal) as server:
            if not server.names([name]):
                # which databases a base backup holds shows when it is open
                raise _lacks(name)
            counts = self._counted(part, server, [name])
            self._stop(but=[self._x.databases.service])
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
        self._stop(but=[self._x.databases.service])
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

    def _stop(self, but: Collection[str] = ()) -> None:
        if others := [service for service in self._compose.services() if service not in but]:
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
