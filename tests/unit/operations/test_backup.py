from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import BackupError, CredentialsError, NotFoundError
from bootstrap.operations.backup import list_backups
from bootstrap.operations.create.run import create
from bootstrap_agent.contract import manifest
from bootstrap_agent.contract.manifest import DatabasePart, Manifest, MediaPart
from tests.fakes.world import World


def put(world: World, backup_id: str, kind: str, recipient: str | None = None) -> None:
    stored = (f"{world.settings.prefix}part", 1000, "0" * 64)
    made = Manifest(
        id=backup_id,
        kind=kind,
        created_at=manifest.time_of(backup_id),
        release="image-1",
        databases={} if kind == "media" else {"auth_db": DatabasePart(*stored)},
        media=None if kind == "database" else MediaPart(*stored),
        recipient=recipient,
    )
    world.store.objects[f"{world.settings.prefix}manifest_{backup_id}.json"] = manifest.render(made)


def test_the_list_is_the_agents_manifests_newest_first_and_needs_no_droplet(tmp_path: Path) -> None:
    world = World(tmp_path)
    put(world, "20261123_020000", "database")
    put(world, "20261124_120000", "full")
    world.store.objects[f"{world.settings.prefix}media_backup_20261124_030000.tar.gz"] = b"no manifest: no backup"
    newest, oldest = list_backups(world.env())
    assert (newest.id, newest.kind, newest.size, newest.databases) == ("20261124_120000", "full", 2000, ("auth_db",))
    assert (oldest.id, oldest.time, oldest.release) == ("20261123_020000", "2026-11-23T02:00:00Z", "image-1")


def test_a_domain_that_nobody_knows_is_not_one_without_backups(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(NotFoundError, match="not deployed and has no backup"):
        list_backups(world.env())
    create(world.env())
    assert list_backups(world.env()) == []


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.store.objects["example_com/manifest_20261124_120000.json"] = json.dumps({"id": 1}).encode()
    with pytest.raises(BackupError, match="manifest_20261124_120000"):
        list_backups(world.env())


def test_without_a_spaces_key_it_says_which_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="SPACES_ACCESS_KEY_ID"):
        list_backups(replace(World(tmp_path).env(), store=None))
