"""A copy of the backups that no droplet reaches: whole, incremental, and never worse than it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import msgspec
import pyrage
import pytest

from bootstrap.adapters.copy_folder import CopyFolder
from bootstrap.deployment import recovery
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.operations.pull.run import Pulled, pull
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, DatabasePart, Manifest, MediaPart, StoredPart
from tests.fakes.world import World

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SYSTEM, SIZE = "77", 16 << 20
CHANGED = "in the bucket is not what it was"


def segment(number: int) -> str:
    return wal.name(1, number, SIZE)


def wal_key(number: int, prefix: str = "example_com/") -> str:
    return manifest.wal_key(prefix, SYSTEM, segment(number))


def back_up(world: World, at: datetime, number: int) -> str:
    """A backup of that time whose log is one segment, with another that goes on from it; its id."""
    prefix, backup_id = world.settings.prefix, manifest.new_id(at)
    own = recovery.ensure(world.settings.recovery_file)

    def stored(key: str) -> StoredPart:
        body = sealed(own, f"{key} of {at}")
        put(world, key, body, at)
        return StoredPart(key, len(body), sha256(body).hexdigest())

    dump = stored(manifest.database_key(prefix, backup_id, "auth_db"))
    base, media = stored(manifest.cluster_key(prefix, backup_id)), stored(manifest.media_key(prefix, backup_id))
    for which in (number, number + 1):
        stored(wal_key(which, prefix))
    made = Manifest(
        id=backup_id,
        kind="full",
        created_at=at,
        databases={"auth_db": DatabasePart(dump.key, dump.size, dump.sha256, {"public.user": 3})},
        cluster=ClusterPart(
            **msgspec.structs.asdict(base),
            system=SYSTEM,
            timeline=1,
            segment_size=SIZE,
            postgres="17.6",
            restore_point="p",
            wal_from=segment(number),
            wal_until=segment(number),
            rows={"auth_db": {"public.user": (3, 3)}},
        ),
        media=MediaPart(media.key, media.size, media.sha256, ("media_files",)),
        settings=stored(manifest.settings_key(prefix, backup_id)),
        release="image-1",
        recipient=own,
    )
    put(world, manifest.manifest_key(prefix, backup_id), manifest.render(made), at)
    return backup_id


def sealed(recipient: str, text: str) -> bytes:
    return bytes(pyrage.encrypt(text.encode() * 20, [pyrage.x25519.Recipient.from_str(recipient)]))


def put(world: World, key: str, body: bytes, at: datetime = NOW) -> None:
    world.store.objects[key], world.store.modified[key] = body, at


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, backup={"keep_daily": 3, "keep_weekly": 0, "keep_monthly": 0})
    for days in (3, 2, 1):
        back_up(made, NOW - timedelta(days=days), 40 - 2 * days)
    return made


def copied(world: World, *, prune: bool = False, now: datetime = NOW) -> Pulled:
    return pull(world.settings, world.store, CopyFolder(world.folder / "copy"), world.progress, prune=prune, now=now)


def files(world: World) -> dict[str, bytes]:
    root = world.folder / "copy"
    found = [path for path in root.rglob("*") if path.is_file() and path.name != ".bootstrap-pull.lock"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_the_copy_is_the_bucket_and_the_next_pull_fetches_nothing(world: World) -> None:
    found = copied(world)
    assert found.problems == () and len(found.backups) == 3 and found.fetched == len(world.store.objects)
    assert files(world) == world.store.objects
    assert found.size == sum(map(len, world.store.objects.values()))
    again = copied(world)
    assert (again.fetched, again.problems, again.backups) == (0, (), found.backups)
    back_up(world, NOW - timedelta(hours=1), 40)
    third = copied(world)
    assert third.fetched == 7 and len(third.backups) == 4 and files(world) == world.store.objects


def test_nobody_else_may_read_it(world: World) -> None:
    before = os.umask(0)
    try:
        copied(world)
    finally:
        os.umask(before)
    root = world.folder / "copy"
    modes = {path: path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes


@pytest.mark.parametrize("same_size", [True, False])
def test_what_changes_in_the_bucket_is_told_and_never_replaces_the_copy(world: World, same_size: bool) -> None:
    """Ransomware: it has the droplet's key, and rewrites what it finds."""
    copied(world)
    good = files(world)
    for key, body in list(world.store.objects.items()):
        put(world, key, os.urandom(len(body)) if same_size else b"pay")
        found = copied(world)
        assert len(found.problems) == 1 and found.problems[0].startswith(f"{key} {CHANGED}"), key
        assert files(world) == good and len(found.backups) == 3
        put(world, key, body)
    assert copied(world).problems == ()


def test_a_manifest_written_anew_for_the_changed_objects_does_not_help_them(world: World) -> None:
    copied(world)
    good, backup_id = files(world), manifest.new_id(NOW - timedelta(days=1))
    back_up(world, NOW - timedelta(days=1), 38)
    found = copied(world)
    assert sorted(found.problems) == sorted(
        f"{key} {CHANGED}{' when it was copied' if 'manifest' in key else ''}; the copy stays as it is"
        for key in good
        if backup_id in key
    )
    assert files(world) == good


def test_what_the_bucket_lost_is_told(world: World) -> None:
    copied(world)
    good = files(world)
    for key, body in list(world.store.objects.items()):
        del world.store.objects[key]
        (problem,) = copied(world).problems
        assert "is gone from the bucket" in problem or "are gone from the bucket" in problem, key
        assert problem.endswith("; the copy has it") and files(world) == good
        put(world, key, body)
    world.store.objects.clear()
    world.store.exists = True
    assert len(copied(world).problems) == 4 and files(world) == good


def test_what_the_droplet_pruned_is_not_lost(world: World) -> None:
    for days in (5, 4):
        back_up(world, NOW - timedelta(days=days), 40 - 2 * days)
    old = back_up(world, NOW - timedelta(days=400), 1)
    copied(world)
    for key in [key for key in world.store.objects if old in key or key in (wal_key(1), wal_key(2))]:
        del world.store.objects[key]
    found = copied(world)
    assert found.problems == () and old in found.backups, "and the copy keeps it"


@pytest.mark.parametrize("left", range(7))
def test_what_the_droplet_prunes_while_it_is_pulled_is_neither_lost_nor_half(world: World, left: int) -> None:
    """A manifest goes before its objects; so many of them are still there when they are asked for."""
    for days in (5, 4):
        back_up(world, NOW - timedelta(days=days), 40 - 2 * days)
    old = back_up(world, NOW - timedelta(days=300), 2)
    doomed = sorted((key for key in world.store.objects if old in key or key in (wal_key(2), wal_key(3))), reverse=True)
    doomed.sort(key=lambda key: "manifest" not in key)
    chunks = world.store.chunks

    def pruned(key: str, start: int = 0) -> Iterator[bytes]:
        if key in doomed and "manifest" not in key:
            for gone in doomed[: len(doomed) - left]:
                world.store.objects.pop(gone, None)
        return chunks(key, start)

    world.store.chunks = pruned  # type: ignore[method-assign]
    found = copied(world)
    assert found.problems == () and old not in found.backups and len(found.backups) == 5
    assert f"example_com/manifest_{old}.json" not in files(world)


def test_an_object_that_was_damaged_before_is_not_taken_and_its_backup_is_none(world: World) -> None:
    backup_id = manifest.new_id(NOW - timedelta(days=1))
    for key in [key for key in world.store.objects if backup_id in key]:
        whole = world.store.objects[key]
        world.store.objects[key] = bytes([whole[0] ^ 1]) + whole[1:]
        shutil.rmtree(world.folder / "copy", ignore_errors=True)
        found = copied(world)
        assert found.problems and backup_id not in found.backups and key not in files(world)
        assert f"example_com/manifest_{backup_id}.json" not in files(world)
        world.store.objects[key] = whole
    assert copied(world).problems == () and files(world) == world.store.objects


def test_a_log_with_a_hole_makes_no_backup(world: World) -> None:
    del world.store.objects[wal_key(38)]
    found = copied(world)
    assert wal_key(38) in found.problems[0] and len(found.backups) == 2


def test_what_a_disk_forgot_is_fetched_again(world: World) -> None:
    copied(world)
    for key, body in files(world).items():
        path = world.folder / "copy" / key
        path.write_bytes(bytes([body[0] ^ 1]) + body[1:])
        found = copied(world)
        assert (found.mended, found.problems) == ((key,), ()), key
        assert path.read_bytes() == body
    # of what the bucket has no more, nobody knows
    key = manifest.media_key("example_com/", manifest.new_id(NOW - timedelta(days=1)))
    (world.folder / "copy" / key).write_bytes(b"x")
    del world.store.objects[key]
    assert any("damaged" in problem for problem in copied(world).problems)


def test_a_log_that_was_uploaded_again_is_the_same_log(world: World) -> None:
    """By a droplet that was killed between an upload and its note of it. Encrypted anew, no byte is as before."""
    copied(world)
    own, at = recovery.recipient_of(world.settings.recovery_file), NOW - timedelta(days=1)
    assert own
    again = sealed(own, f"{wal_key(39)} of {at}")
    while len(again) != len(world.store.objects[wal_key(39)]):
        # pyrage pads the head by chance; the droplet's age does not
        again = sealed(own, f"{wal_key(39)} of {at}")
    put(world, wal_key(39), again, at)
    assert (copied(world).problems, copied(world).unsure) == ((), ())
    world.settings.recovery_file.rename(world.folder / "elsewhere")
    found = copied(world)
    assert (found.problems, found.unsure) == ((), (wal_key(39),)), "without the key nobody knows"
    (world.folder / "elsewhere").rename(world.settings.recovery_file)
    put(world, wal_key(39), sealed(own, f"{wal_key(39)} of {at}".replace("2026", "2027")), at)
    assert copied(world).problems == (f"{wal_key(39)} {CHANGED}; the copy stays as it is",)


def test_a_segment_whose_seal_is_broken_is_not_taken(world: World) -> None:
    whole = world.store.objects[wal_key(39)]
    world.store.objects[wal_key(39)] = whole[:-1] + bytes([whole[-1] ^ 1])
    found = copied(world)
    assert found.problems == (f"{wal_key(39)} is damaged: its seal is broken",) and wal_key(39) not in files(world)
    world.settings.recovery_file.unlink()
    world.store.objects[wal_key(39)] = b"not sealed at all"
    assert copied(world).problems == (f"{wal_key(39)} is not sealed by age",)


@pytest.mark.parametrize("size", [1, 500])
def test_what_was_begun_is_gone_on_with(world: World, size: int) -> None:
    key = manifest.media_key("example_com/", manifest.new_id(NOW - timedelta(days=1)))
    begun = world.folder / "copy" / "example_com" / f".{Path(key).name}.part"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(world.store.objects[key][:size])
    starts: list[int] = []
    chunks = world.store.chunks
    world.store.chunks = lambda k, start=0: (starts.append(start) if k == key else None, chunks(k, start))[1]  # type: ignore[method-assign, assignment, return-value, func-returns-value]
    assert copied(world).problems == () and starts == [size] and files(world) == world.store.objects
    # of another object: it is begun anew
    (world.folder / "copy" / key).unlink()
    begun.write_bytes(b"x" * size)
    assert copied(world).problems == () and starts == [size, size, 0] and files(world) == world.store.objects


def evil(part: str) -> Callable[[Manifest], Manifest]:
    return lambda made: msgspec.structs.replace(made, media=msgspec.structs.replace(made.media, key=part))


def logged(**change: object) -> Callable[[Manifest], Manifest]:
    return lambda made: msgspec.structs.replace(made, cluster=msgspec.structs.replace(made.cluster, **change))


@pytest.mark.parametrize(
    "change",
    [
        evil("/etc/cron.d/x"),
        evil("example_com/../../media_backup_20261123_120000.tar.zst.age"),
        evil("example_com/postgres_backup_20261123_120000_/../../../x.sql.zst.age"),
        evil("example_com/media_backup_20261122_120000.tar.zst.age"),
        evil("example_com/.media"),
        logged(segment_size=0),
        logged(wal_until="F" * 24),
        logged(system="../77"),
        logged(wal_from="../../x"),
        lambda made: msgspec.structs.replace(made, id="20261122_120000"),
    ],
)
def test_names_that_whoever_holds_the_bucket_chose_lead_nowhere(
    world: World, change: Callable[[Manifest], Manifest]
) -> None:
    backup_id = manifest.new_id(NOW - timedelta(days=1))
    key = manifest.manifest_key("example_com/", backup_id)
    put(world, key, manifest.render(change(manifest.parse(world.store.objects[key], key))))
    for name in ("example_com/../x", "example_com/manifest_99999999_999999.json", "example_com/wal/../../x.zst.age"):
        put(world, name, b"x")
    found = copied(world)
    assert len(found.problems) == 1 and backup_id not in found.backups
    assert {path.name for path in world.folder.iterdir()} <= {"copy", "recovery.key"}
    assert key not in files(world) and not [name for name in files(world) if name.endswith("/x")]


@pytest.mark.parametrize(
    ("at", "written"), [(NOW - timedelta(days=30), NOW), (NOW + timedelta(days=9), NOW)], ids=["backdated", "to come"]
)
def test_a_backup_that_was_made_up_later_takes_no_place(world: World, at: datetime, written: datetime) -> None:
    copied(world)
    made_up = back_up(world, at, 60)
    for key in world.store.modified:
        if made_up in key:
            world.store.modified[key] = written
    found = copied(world, prune=True)
    assert made_up in found.problems[0] and made_up not in found.backups and found.removed == ()


def test_prune_keeps_what_the_rules_keep_and_only_when_all_is_well(world: World) -> None:
    oldest = back_up(world, NOW - timedelta(days=4), 32)
    copied(world)
    later = NOW + timedelta(days=40)
    back_up(world, later - timedelta(hours=3), 50)
    assert copied(world, now=later).removed == (), "not unless it is asked for"
    good, key = files(world), manifest.media_key("example_com/", manifest.new_id(later - timedelta(hours=3)))
    whole = world.store.objects[key]
    put(world, key, b"changed", later)
    assert copied(world, prune=True, now=later).removed == () and files(world) == good
    put(world, key, whole, later)
    found = copied(world, prune=True, now=later)
    assert found.problems == () and found.removed
    kept = [later - timedelta(hours=3), *(NOW - timedelta(days=days) for days in (1, 2, 3))]
    assert found.backups == tuple(map(manifest.new_id, kept)) and f"example_com/manifest_{oldest}.json" in found.removed
    assert set(files(world)) == {name for name in good if name not in found.removed}
    assert wal_key(36) in files(world) and wal_key(37) not in files(world)
    again = copied(world, prune=True, now=later)
    assert (again.fetched, again.removed, again.problems) == (0, (), ()), (
        "what the bucket still has is not fetched again"
    )


def test_several_deployments_share_a_folder(world: World) -> None:
    copied(world)
    (world.folder / "other").mkdir()
    other = World(world.folder / "other", domain="example.org")
    back_up(other, NOW - timedelta(hours=2), 3)
    copies = CopyFolder(world.folder / "copy")
    found = pull(other.settings, other.store, copies, other.progress, now=NOW)
    assert found.problems == () and found.fetched == len(other.store.objects) == 7
    assert copied(world).problems == () and files(world) == {**world.store.objects, **other.store.objects}


def test_two_at_once_exclude_each_other(world: World) -> None:
    with CopyFolder(world.folder / "copy").alone(), pytest.raises(ConflictError, match="another pull"):
        copied(world)


def test_a_bucket_without_backups_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(NotFoundError, match="bucket"):
        copied(world)
    world.store.exists = True
    with pytest.raises(NotFoundError, match=r"no backup of example\.com in bootstrap-example-com"):
        copied(world)
