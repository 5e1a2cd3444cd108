"""Whether what is stored is what was stored: every object of a backup, and the log that goes on from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.deployment import recovery
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, NotFoundError
from bootstrap.operations.backup import store_of
from bootstrap.ports.object_store import ObjectStore
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import Manifest, StoredPart


@dataclass(frozen=True)
class Verified:
    """`problems` is empty when every byte is as it was; `objects` and `size` in bytes are what was read."""

    id: str
    objects: int
    size: int
    problems: tuple[str, ...]


def verify(env: Environment, wanted: str | None = None) -> list[Verified]:
    """One backup, or all, newest first. Needs no droplet. Where the recovery key is here, the log is opened too: its
    segments stand in no manifest, but age seals every byte."""
    store, prefix = store_of(env), env.settings.prefix
    keys = {found.key for found in store.list(prefix)}
    ids = sorted(filter(None, (manifest.id_of(key, prefix) for key in keys if "/manifest_" in f"/{key}")), reverse=True)
    if wanted is not None and wanted not in ids:
        raise NotFoundError(f"there is no backup {wanted} of {env.settings.domain}", "bootstrap backup list")
    found, seen = [], set[str]()
    for backup_id in ids if wanted is None else [wanted]:
        with env.progress.step(f"backup {backup_id}"):
            found.append(_Verification(env, store, keys, seen).of(backup_id))
    return found


class _Verification:
    def __init__(self, env: Environment, store: ObjectStore, keys: set[str], seen: set[str]) -> None:
        """`seen`: segments of the log that another backup needs too, and that were read."""
        self._env, self._store, self._keys, self._seen = env, store, keys, seen
        self._objects = self._size = 0

    def of(self, backup_id: str) -> Verified:
        key = manifest.manifest_key(self._env.settings.prefix, backup_id)
        data = self._store.read(key)
        try:
            read = manifest.parse(data, key)
        except BootstrapError as error:
            return Verified(backup_id, 1, len(data), (error.message,))
        problems = [problem for part in read.parts if (problem := self._part(part))]
        problems += self._log(read)
        if read.version > 1 and manifest.render(read) != data:
            problems.append(f"{key} is not as it was written")
        return Verified(backup_id, self._objects + 1, self._size + len(data), tuple(problems))

    def _part(self, part: StoredPart) -> str | None:
        if part.key not in self._keys:
            return f"{part.key} is missing"
        digest, size = hashlib.sha256(), 0
        for chunk in self._read(part.key):
            digest.update(chunk)
            size += len(chunk)
        if (size, digest.hexdigest()) != (part.size, part.sha256):
            return f"{part.key} is damaged: it is not what the manifest says"
        return None

    def _log(self, read: Manifest) -> Iterator[str]:
        part = read.cluster
        if part is None:
            return
        """What leads to the backup's own moment, then what goes on from it, as far as there is no gap."""
        prefix = self._env.settings.prefix
        below = prefix + manifest.wal_prefix(part.system)
        present = {key.removeprefix(below).removesuffix(".zst.age") for key in self._keys if key.startswith(below)}
        needed = wal.between(part.wal_from, part.wal_until, part.segment_size)
        for segment in dict.fromkeys([*needed, *wal.chain(part.wal_from, present, part.segment_size)]):
            key = manifest.wal_key(prefix, part.system, segment)
            if key not in self._keys:
                yield f"{key} is missing"
                continue
            if key in self._seen:
                continue
            self._seen.add(key)
            if problem := self._sealed(key, read.recipient):
                yield problem

    def _sealed(self, key: str, recipient: str | None) -> str | None:
        file, content = self._env.settings.recovery_file, b"".join(self._read(key))
        if recovery.recipient_of(file) != recipient or recovery.opens(file, content):
            return None
        return f"{key} is damaged: its seal is broken"

    def _read(self, key: str) -> Iterator[bytes]:
        self._objects += 1
        for chunk in self._store.chunks(key):
            self._size += len(chunk)
            yield chunk
