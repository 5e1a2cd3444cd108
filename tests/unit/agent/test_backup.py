"""The pure parts of a backup: its manifest, what may go, what is damaged, what `latest` means."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from msgspec import structs

from bootstrap.errors import BackupError, NotFoundError
from bootstrap_agent.backup import choose, stream, version1
from bootstrap_agent.backup.recovery import Goal
from bootstrap_agent.backup.rows import bounds, rows_differ
from bootstrap_agent.contract import answers, manifest, retention
from bootstrap_agent.contract.deployment import Keep
from bootstrap_agent.contract.digest import part_size
from bootstrap_agent.contract.manifest import ClusterPart, DatabasePart, Manifest, MediaPart, StoredPart

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
CLUSTER = ClusterPart(
    key="c",
    size=1,
    sha256="0",
    system="7",
    timeline=1,
    segment_size=16 << 20,
    postgres="17.6",
    restore_point="bootstrap_1",
    wal_from="000000010000000000000002",
    wal_until="000000010000000000000003",
    rows={"auth_db": {"public.user": (3, 3)}},
)


def made(age_days: float, kind: str = "full") -> Manifest:
    backup_id = manifest.new_id(NOW - timedelta(days=age_days))
    databases = {"auth_db": DatabasePart("k", 1, "0", rows={"public.user": 3})} if kind != "media" else {}
    media = MediaPart("m", 1, "0", folders=("media_files",)) if kind != "database" else None
    return Manifest(
        id=backup_id,
        kind=kind,
        created_at=manifest.time_of(backup_id),
        databases=databases,
        cluster=CLUSTER if kind != "media" else None,
        media=media,
        release="bootstrap-x",
        recipient="age1x",
    )


@pytest.mark.parametrize("kind", ["full", "database", "media"])
def test_a_manifest_survives_writing_and_reading(kind: str) -> None:
    written = made(0, kind)
    data = manifest.render(written)
    assert manifest.parse(data, "k") == written
    assert json.loads(data)["version"] == 2 and json.loads(data)["created_at"] == "2026-11-24T12:00:00Z"


@pytest.mark.parametrize("data", [b"", b"[]", b'{"version": 3}', b'{"version": 1}', b'{"version": 2}'])
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
        "p/postgres_backup_20261124_020000_auth_db.sql.zst.age",
        "p/media_backup_20261124_030000.tar.zst.age",
        "p/manifest_20261124_030000.json",
    )
    assert [manifest.id_of(key, "p/") for key in keys] == ["20261124_020000", "20261124_030000", "20261124_030000"]
    # of version 1
    old = ("p/postgres_backup_20261124_020000_auth_db.sql.gz", "p/media_backup_20261124_020000.tar.gz")
    assert {manifest.id_of(key, "p/") for key in old} == {"20261124_020000"}
    assert manifest.id_of("p/notes.txt", "p/") is None
    assert manifest.id_of(manifest.wal_key("p/", "7", "000000010000000000000002"), "p/") is None


def test_a_manifest_of_version_1_is_read() -> None:
    part = {"key": "k", "size": 1, "sha256": "0"}
    raw = {
        "version": 1,
        "id": "20261124_020000",
        "kind": "full",
        "created_at": "2026-11-24T02:00:00Z",
        "databases": {"auth_db": {**part, "rows": {"public.user": 3}}},
        "media": {**part, "folders": ["media_files"]},
        "release": "r",
    }
    found = manifest.parse(json.dumps(raw).encode(), "k")
    assert (found.version, found.cluster, found.recipient) == (1, None, None)
    assert found.databases["auth_db"].rows == {"public.user": 3}


def test_old_backups_go_but_never_the_last_of_a_kind() -> None:
    old_media, old_database, older = made(20, "media"), made(9, "database"), made(30)
    week = Keep(7, 0, 0)
    assert retention.expired([older, old_media, old_database], NOW, Keep(0, 0, 0)) == [older]
    fresh = made(1)
    assert retention.expired([older, old_media, old_database, fresh], NOW, week) == []
    assert retention.expired([older, old_media, old_database, fresh], NOW, Keep(1, 0, 0)) == [older]
    assert retention.expired([older, old_media, old_database, fresh], NOW, Keep(0, 0, 0)) == [
        *(old_database, old_media, older)
    ]


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

    def manifests(self) -> list[Manifest]:
        return [self._manifests[found] for found in reversed(self.manifest_ids())]


Order = answers.RestoreOrder
PLAIN = Order()


def chosen(
    *manifests: Manifest, wanted: str = "latest", order: Order = PLAIN
) -> tuple[Manifest | None, Manifest | None]:
    found = choose.choose(cast(Any, Shelf(*manifests)), wanted, order)
    return found.databases, found.media


def test_latest_is_the_newest_databases_and_the_newest_media() -> None:
    full, database, media = made(3), made(2, "database"), made(1, "media")
    assert chosen(full, database, media) == (database, media)
    assert chosen(full) == (full, full)
    assert chosen(full, media) == (full, media)
    assert chosen(full, database, media, order=Order(newest=full.id)) == (full, full)
    with pytest.raises(NotFoundError):
        chosen()


def test_a_moment_takes_databases_of_before_and_media_of_after_it() -> None:
    first, second, third = made(3), made(2), made(1)
    at = Order(to=NOW - timedelta(days=2, hours=-1))
    assert chosen(first, second, third, order=at) == (second, third)
    assert chosen(first, second, order=at) == (second, second)
    with pytest.raises(NotFoundError, match="no backup of databases before"):
        chosen(second, third, order=Order(to=NOW - timedelta(days=5)))
    assert third.cluster
    long = structs.replace(third.cluster, ended_at=NOW - timedelta(hours=20))
    third = structs.replace(third, cluster=long)
    assert chosen(first, second, third, order=Order(to=NOW - timedelta(hours=21)))[0] == second, "it was not whole yet"
    assert chosen(first, second, third, order=Order(to=NOW - timedelta(hours=19)))[0] == third


def test_a_goal_is_the_mark_of_the_backup_a_moment_or_the_end_of_the_log() -> None:
    shelf, moment = cast(Any, Shelf(made(1))), NOW
    mark = Goal(restore_point="bootstrap_1")
    assert choose.choose(shelf, "latest", Order()).goal == mark
    assert choose.choose(shelf, made(1).id, Order()).goal == mark
    assert choose.choose(shelf, "latest", Order(to_the_end=True)).goal == Goal()
    assert choose.choose(shelf, "latest", Order(to=moment)).goal == Goal(time=moment)


def test_a_part_alone_may_be_asked_for() -> None:
    full, media = made(2), made(1, "media")
    assert chosen(full, media, order=Order(only="media")) == (None, media)
    assert chosen(full, media, order=Order(only="auth_db")) == (full, None)
    with pytest.raises(NotFoundError, match="holds no media"):
        chosen(made(1, "database"), order=Order(only="media"))


def test_rows_must_be_the_manifests() -> None:
    version1.compare_rows("auth_db", {"a": 1}, {"a": 1})
    for found in ({"a": 2}, {}, {"a": 1, "b": 0}):
        with pytest.raises(BackupError, match="auth_db"):
            version1.compare_rows("auth_db", {"a": 1}, found)


def test_rows_at_the_mark_are_between_what_was_seen_before_and_after_it() -> None:
    expected = bounds({"a": 1, "b": 5, "gone": 1}, {"a": 1, "b": 3, "new": 1})
    assert expected == {"a": (1, 1), "b": (3, 5)}
    assert rows_differ(expected, {"a": 1, "b": 4, "new": 1}) == []
    assert rows_differ(expected, {"a": 2, "b": 6}) == ["a has 2 rows, not 1", "b has 6 rows, not 3 to 5"]
    assert rows_differ(expected, {"a": 1}) == ["b has None rows, not 3 to 5"]


def test_parts_of_an_upload_grow_so_that_ten_thousand_hold_any_volume() -> None:
    assert part_size(0) == 8 << 20
    assert sum(part_size(number) for number in range(10_000)) > 900 << 30
