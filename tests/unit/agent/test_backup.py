"""The pure parts of a backup: its manifest, what may go, what is damaged, what `latest` means."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest

from bootstrap.errors import BackupError, NotFoundError
from bootstrap_agent.backup import restore, retention, store, stream
from bootstrap_agent.contract import manifest
from bootstrap_agent.contract.manifest import DatabasePart, Manifest, MediaPart, StoredPart

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def made(age_days: float, kind: str = "full") -> Manifest:
    backup_id = manifest.new_id(NOW - timedelta(days=age_days))
    databases = {"auth_db": DatabasePart("k", 1, "0", rows={"public.user": 3})} if kind != "media" else {}
    media = MediaPart("m", 1, "0", folders=("media_files",)) if kind != "database" else None
    return manifest.make(backup_id, kind, "bootstrap-x", databases, media)


@pytest.mark.parametrize("kind", ["full", "database", "media"])
def test_a_manifest_survives_writing_and_reading(kind: str) -> None:
    written = made(0, kind)
    data = manifest.render(written)
    assert manifest.parse(data, "k") == written
    assert json.loads(data)["version"] == 1 and json.loads(data)["created_at"] == "2026-11-24T12:00:00Z"


@pytest.mark.parametrize("data", [b"", b"[]", b'{"version": 2}', b'{"version": 1}'])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(BackupError):
        manifest.parse(data, "k")


def test_object_names_are_those_of_the_seed() -> None:
    keys = (
        manifest.database_key("p/", "20261124_020000", "auth_db"),
        manifest.media_key("p/", "20261124_030000"),
        manifest.manifest_key("p/", "20261124_030000"),
    )
    assert keys == (
        "p/postgres_backup_20261124_020000_auth_db.sql.gz",
        "p/media_backup_20261124_030000.tar.gz",
        "p/manifest_20261124_030000.json",
    )
    assert [manifest.id_of(key, "p/") for key in keys] == ["20261124_020000", "20261124_030000", "20261124_030000"]
    assert manifest.id_of("p/notes.txt", "p/") is None


def test_old_backups_go_but_never_the_last_of_a_kind() -> None:
    old_media, old_database, older = made(20, "media"), made(9, "database"), made(30)
    assert retention.expired([older, old_media, old_database], NOW, 7) == [older]
    fresh = made(1)
    assert retention.expired([older, old_media, old_database, fresh], NOW, 7) == [old_database, old_media, older]


def test_objects_without_a_manifest_go_when_no_backup_can_still_be_making_them() -> None:
    ids = [manifest.new_id(NOW - timedelta(days=2)), manifest.new_id(NOW - timedelta(hours=2)), made(3).id]
    assert retention.unfinished(ids, [made(3)], NOW) == {ids[0]}


def pieces(data: bytes) -> Iterator[bytes]:
    yield from (data[start : start + 100] for start in range(0, len(data), 100))


def part_of(stored: bytes) -> StoredPart:
    return StoredPart("key", len(stored), hashlib.sha256(stored).hexdigest())


def test_what_was_stored_comes_back() -> None:
    stored = gzip.compress(bytes(range(256)) * 50)
    assert b"".join(stream.Received(pieces(stored), part_of(stored))) == bytes(range(256)) * 50


@pytest.mark.parametrize("where", [3, 40, -5])
def test_a_changed_byte_is_found_whether_or_not_gzip_notices(where: int) -> None:
    stored = bytearray(gzip.compress(bytes(range(256)) * 50))
    part = part_of(bytes(stored))
    stored[where] ^= 1
    with pytest.raises(BackupError, match="key is damaged"):
        b"".join(stream.Received(pieces(bytes(stored)), part))


def test_a_truncated_object_is_found_even_with_a_manifest_that_agrees() -> None:
    stored = gzip.compress(b"x" * 5000)[:-8]
    with pytest.raises(BackupError, match="damaged"):
        b"".join(stream.Received(pieces(stored), part_of(stored)))


class Shelf:
    """A store that holds manifests."""

    bucket, prefix = "b", "p/"

    def __init__(self, *manifests: Manifest) -> None:
        self._manifests = {found.id: found for found in manifests}

    def manifest_ids(self) -> list[str]:
        return sorted(self._manifests)

    def manifest(self, backup_id: str) -> Manifest:
        return self._manifests[backup_id]


def chosen(*manifests: Manifest, wanted: str = "latest") -> list[Manifest]:
    return restore.choose(cast(Any, Shelf(*manifests)), wanted)


def test_latest_is_the_newest_databases_and_the_newest_media() -> None:
    full, database, media = made(3), made(2, "database"), made(1, "media")
    assert chosen(full, database, media) == [media, database]
    assert chosen(full) == [full]
    assert chosen(full, media) == [media, full]
    with pytest.raises(NotFoundError):
        chosen()


def test_rows_must_be_the_manifests() -> None:
    restore.compare_rows("auth_db", {"a": 1}, {"a": 1})
    for found in ({"a": 2}, {}, {"a": 1, "b": 0}):
        with pytest.raises(BackupError, match="auth_db"):
            restore.compare_rows("auth_db", {"a": 1}, found)


def test_parts_of_an_upload_grow_so_that_ten_thousand_hold_any_volume() -> None:
    assert store.part_size(0) == 16 << 20
    assert sum(store.part_size(number) for number in range(10_000)) > 900 << 30
