"""`backup verify` finds one flipped bit, wherever it is: in a dump, in the base backup, in media, in the log, in the
manifest itself."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.deployment import recovery
from bootstrap.errors import NotFoundError
from bootstrap.operations.verify import verify
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, DatabasePart, Manifest, MediaPart, StoredPart
from tests.fakes.world import World

ID, SYSTEM, SIZE = "20261124_020000", "77", 16 << 20
SEGMENTS = [wal.name(1, number, SIZE) for number in range(2, 6)]


def stored(world: World) -> str:
    """A whole backup, with two segments of the log that lead to its moment and two that go on; its recipient."""
    prefix, own = world.settings.prefix, recovery.ensure(world.settings.recovery_file)
    recipient = pyrage.x25519.Recipient.from_str(own)

    def sealed(key: str, text: str) -> StoredPart:
        body = pyrage.encrypt(text.encode() * 20, [recipient])
        world.store.objects[key] = body
        return StoredPart(key, len(body), sha256(body).hexdigest())

    dump = sealed(manifest.database_key(prefix, ID, "auth_db"), "dump")
    base = sealed(manifest.cluster_key(prefix, ID), "base")
    media = sealed(manifest.media_key(prefix, ID), "media")
    for segment in SEGMENTS:
        sealed(manifest.wal_key(prefix, SYSTEM, segment), segment)
    made = Manifest(
        id=ID,
        kind="full",
        created_at=manifest.time_of(ID),
        databases={"auth_db": DatabasePart(dump.key, dump.size, dump.sha256, {"public.user": 3})},
        cluster=ClusterPart(
            key=base.key,
            size=base.size,
            sha256=base.sha256,
            system=SYSTEM,
            timeline=1,
            segment_size=SIZE,
            postgres="17.6",
            restore_point="p",
            wal_from=SEGMENTS[0],
            wal_until=SEGMENTS[1],
            rows={"auth_db": {"public.user": (3, 3)}},
        ),
        media=MediaPart(media.key, media.size, media.sha256, ("media_files",)),
        settings=sealed(manifest.settings_key(prefix, ID), "settings"),
        release="image-1",
        recipient=own,
    )
    world.store.objects[manifest.manifest_key(prefix, ID)] = manifest.render(made)
    return own


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    stored(made)
    return made


def problems(world: World) -> tuple[str, ...]:
    (found,) = verify(world.env())
    return found.problems


def test_what_is_whole_is_called_so_and_all_of_it_was_read(world: World) -> None:
    (found,) = verify(world.env(), ID)
    assert (found.id, found.problems, found.objects) == (ID, (), len(world.store.objects))
    assert found.size == sum(map(len, world.store.objects.values()))


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_one_flipped_bit_in_any_object_is_found(world: World, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(world.store.objects)))
    whole = world.store.objects[key]
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    world.store.objects[key] = bytes(flipped)
    try:
        assert problems(world), f"bit {bit} of {key}"
    finally:
        world.store.objects[key] = whole
    assert not problems(world)


def test_what_is_missing_or_cut_is_found(world: World) -> None:
    for key in sorted(world.store.objects):
        if key.endswith(".json"):
            continue
        whole = world.store.objects.pop(key)
        lost = problems(world)
        # the log may end anywhere behind the backup's own moment: what comes after a gap leads nowhere
        assert bool(lost) != any(segment in key for segment in SEGMENTS[2:]), key
        world.store.objects[key] = whole[:-1]
        assert problems(world), key
        world.store.objects[key] = whole


def test_without_the_key_the_objects_of_the_manifest_are_compared_all_the_same(world: World, tmp_path: Path) -> None:
    world.settings.recovery_file.unlink()
    assert not problems(world)
    key = manifest.media_key(world.settings.prefix, ID)
    world.store.objects[key] = world.store.objects[key][::-1]
    assert problems(world) == (f"{key} is damaged: it is not what the manifest says",)


def test_a_backup_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError, match="no backup 20200101_000000"):
        verify(world.env(), "20200101_000000")
