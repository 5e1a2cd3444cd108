"""Backups: the agent makes them on the droplet; the list is read from the bucket, so it is there when no droplet is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from bootstrap.deployment import find as finding
from bootstrap.deployment import recovery, remote, rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import CredentialsError, NotFoundError
from bootstrap.operations.window import Reach, reaches
from bootstrap.ports.object_store import ObjectStore
from bootstrap_agent.contract import answers, form, manifest
from bootstrap_agent.contract.manifest import Manifest, manifest_key

# a dump is as long as its database, and so is the way back
BACKUP_S = 6 * 3600


@dataclass(frozen=True)
class Backup:
    """`size` is in bytes, as stored; `release` is the image that was live. `reaches` is told by `list_backups` only."""

    id: str
    kind: str
    time: str
    size: int
    databases: tuple[str, ...]
    release: str | None
    recipient: str | None = None
    # of the databases: from here on the log leads to any moment; the backup is whole no sooner
    begins: str | None = None
    # the log goes on while somebody thinks about a backup
    reaches: Reach | None = field(default=None, compare=False)

    @property
    def leads_from(self) -> datetime:
        return datetime.fromisoformat((self.begins or self.time).replace("Z", "+00:00"))


def backup_now(env: Environment) -> Manifest:
    """Databases and media, now; returns the manifest."""
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "backup") as locked:
        _, live = finding.find_live(locked)
        step = locked.progress.step("backup of databases and media to Spaces")
        with closing(remote.connect(locked, live)) as host, step:
            made = remote.in_turn(locked, host, answers.BACKUP_NOW, timeout_s=BACKUP_S)
        if locked.recorder:
            size = sum(part.size for part in made.parts)
            locked.recorder.add(
                image=made.release, backup=made.id, bytes=size, databases=len(made.databases) + len(made.dumped)
            )
        return made


def manifest_of(env: Environment, wanted: str) -> Manifest:
    """Of the backup of that id, or of the newest one; NotFoundError when there is none."""
    found = [backup for backup in stored_backups(env) if wanted in ("latest", backup.id)]
    if not found:
        raise NotFoundError(f"there is no backup {wanted} of {env.settings.domain}", "bootstrap backup list")
    return _manifest(store_of(env), manifest_key(env.settings.prefix, found[0].id))


def recipient(env: Environment) -> str:
    """Whom this deployment's backups, and the passwords beside its data, are encrypted to: whom backups were so far,
    else the operator's own key, made now if need be."""
    if env.store is None:
        return recovery.ensure(env.settings.recovery_file)
    own = recovery.recipient_of(env.settings.recovery_file)
    # read one by one: the newest says it, but for one of version 1
    stored = (_manifest(env.store, key) for key in _manifest_keys(env))
    before = next((found.recipient for found in stored if found.recipient), None)
    if before and before != own:
        env.progress.warn(f"backups stay encrypted to {before}, whose key is not in {env.settings.recovery_file}")
        return before
    return recovery.ensure(env.settings.recovery_file)


def list_backups(env: Environment) -> list[Backup]:
    """Newest first; NotFoundError when there is neither a backup nor anything that could have made one."""
    manifests = stored_manifests(env)
    log = store_of(env).list(env.settings.prefix + manifest.WAL) if manifests else []
    leads = reaches(manifests, log, env.settings.prefix)
    backups = [replace(_backup(found), reaches=leads.get(found.id)) for found in manifests]
    if not backups and not finding.find(env).exists:
        raise NotFoundError(
            f"{env.settings.domain} is not deployed and has no backup in {env.settings.bucket}",
            "check the name; `spaces.bucket` and `spaces.region` say where backups are",
        )
    return backups


def spans(backups: Sequence[Backup]) -> list[Reach]:
    """The window, oldest first: one span, or one behind each gap of the log."""
    found: list[Reach] = []
    for reach in sorted((one.reaches for one in backups if one.reaches), key=lambda reach: reach.since):
        if found and found[-1].until == reach.since:
            reach = Reach(found.pop().since, reach.until, reach.missing)
        found.append(reach)
    return found


def stored_backups(env: Environment) -> list[Backup]:
    """Newest first. A backup exists when its manifest does: it is written last."""
    return [_backup(found) for found in stored_manifests(env)]


def stored_manifests(env: Environment) -> list[Manifest]:
    """Newest first."""
    return [_manifest(store_of(env), key) for key in _manifest_keys(env)]


def newest_at(env: Environment) -> datetime | None:
    """When the newest backup was made, by its name alone; None when there is none."""
    keys = _manifest_keys(env)
    found = manifest.id_of(keys[0], env.settings.prefix) if keys else None
    return manifest.time_of(found) if found else None


def _manifest_keys(env: Environment) -> list[str]:
    """Newest first, as an id is a time."""
    store, prefix = store_of(env), manifest_key(env.settings.prefix, "").removesuffix(".json")
    try:
        return sorted((found.key for found in store.list(prefix) if found.key.endswith(".json")), reverse=True)
    except NotFoundError:
        # no bucket yet, no backup yet
        return []


def store_of(env: Environment) -> ObjectStore:
    if env.store is None:
        raise no_spaces_key()
    return env.store


def no_spaces_key() -> CredentialsError:
    return CredentialsError(
        "no Spaces key: SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY are not set",
        "make one at https://cloud.digitalocean.com/spaces/access_keys",
    )


def _manifest(store: ObjectStore, key: str) -> Manifest:
    return manifest.parse(store.read(key), key)


def _backup(found: Manifest) -> Backup:
    return Backup(
        id=found.id,
        kind=found.kind,
        time=form.plain(found.created_at),
        size=sum(part.size for part in found.parts),
        databases=tuple(sorted((*found.databases, *found.dumped))),
        release=found.release,
        recipient=found.recipient,
        begins=form.plain(found.leads_from) if found.databases or found.cluster else None,
    )
