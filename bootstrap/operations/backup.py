"""Backups: the agent makes them on the droplet; the list is read from the bucket, so it is there when no droplet is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from bootstrap.deployment import find as finding
from bootstrap.deployment import remote, rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import BackupError, CredentialsError, NotFoundError
from bootstrap.ports.object_store import ObjectStore
from bootstrap_agent.contract import answers, form
from bootstrap_agent.contract.manifest import Manifest, manifest_key

# a dump is as long as its database, and so is the way back
BACKUP_S = 6 * 3600


@dataclass(frozen=True)
class Backup:
    """`size` is in bytes, as stored; `release` is the image that was live."""

    id: str
    kind: str
    time: str
    size: int
    databases: tuple[str, ...]
    release: str | None


def backup_now(env: Environment) -> Manifest:
    """Databases and media, now; returns the manifest."""
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "backup") as locked:
        _, live = finding.find_live(locked)
        step = locked.progress.step("backup of databases and media to Spaces")
        with closing(remote.connect(locked, live)) as host, step:
            return remote.agent(host, answers.BACKUP_NOW, timeout_s=BACKUP_S)


def list_backups(env: Environment) -> list[Backup]:
    """Newest first; NotFoundError when there is neither a backup nor anything that could have made one."""
    backups = stored_backups(env)
    if not backups and not finding.find(env).exists:
        raise NotFoundError(
            f"{env.settings.domain} is not deployed and has no backup in {env.settings.bucket}",
            "check the name; `spaces.bucket` and `spaces.region` say where backups are",
        )
    return backups


def stored_backups(env: Environment) -> list[Backup]:
    """Newest first. A backup exists when its manifest does: it is written last."""
    store, prefix = store_of(env), manifest_key(env.settings.prefix, "").removesuffix(".json")
    try:
        keys = [found.key for found in store.list(prefix) if found.key.endswith(".json")]
    except NotFoundError:
        # no bucket yet, no backup yet
        return []
    return sorted((_read(store, key) for key in keys), key=lambda backup: backup.id, reverse=True)


def store_of(env: Environment) -> ObjectStore:
    if env.store is None:
        raise CredentialsError(
            "no Spaces key: SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY are not set",
            "make one at https://cloud.digitalocean.com/spaces/access_keys",
        )
    return env.store


def _read(store: ObjectStore, key: str) -> Backup:
    try:
        return _backup(form.decode(store.read(key), Manifest))
    except form.FormError as error:
        what = f"{key} in the bucket is no manifest of a backup: {error.problems[0]}"
        raise BackupError(what, "delete or repair this object") from None


def _backup(manifest: Manifest) -> Backup:
    return Backup(
        id=manifest.id,
        kind=manifest.kind,
        time=form.plain(manifest.created_at),
        size=sum(part.size for part in manifest.parts),
        databases=tuple(sorted(manifest.databases)),
        release=manifest.release,
    )
