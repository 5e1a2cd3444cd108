"""`bootstrap list`: what there is in an account, a destroyed deployment's volume too."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest

from bootstrap.deployment.environment import Environment
from bootstrap.errors import CredentialsError
from bootstrap.operations.create import run as create
from bootstrap.operations.destroy import destroy
from bootstrap.operations.listing import KEPT, deployments
from bootstrap_agent.contract import manifest
from tests.fakes.host import _manifest
from tests.fakes.world import World


def test_each_deployment_is_there_with_what_it_costs_and_its_newest_backup(tmp_path: Path) -> None:
    world = World(tmp_path)
    env = world.env()
    create.create(env)
    (one,) = deployments(env.cloud, lambda _: env)
    assert (one.domain, one.state, one.size, one.volume_gb) == ("example.com", "live", env.settings.size, 10)
    assert one.address and one.backup_at is None
    # as `status` says
    assert one.cost_month_usd == 25.0
    for stamp in ("20261124_020000", "20261125_020000"):
        made = msgspec.structs.replace(_manifest("full"), id=stamp)
        world.store.write(manifest.manifest_key(env.settings.prefix, stamp), manifest.render(made))
    assert deployments(env.cloud, lambda _: env)[0].backup_at == datetime(2026, 11, 25, 2, tzinfo=timezone.utc)


def test_a_volume_that_was_kept_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    env = world.env()
    asked: list[str] = []

    def of(domain: str) -> Environment:
        asked.append(domain)
        return env

    assert deployments(env.cloud, of) == [] == asked
    create.create(env)
    destroy(env, volume=False, backups=False)
    (one,) = deployments(env.cloud, of)
    assert (one.state, one.droplet, one.address, asked) == (KEPT, None, None, ["example.com"])
    # the volume 1, Spaces 5
    assert one.cost_month_usd == 6.0


def test_who_cannot_read_the_bucket_still_sees_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CredentialsError("Spaces refuses this key")

    world = World(tmp_path)
    env = world.env()
    create.create(env)
    monkeypatch.setattr(world.store, "list", refuse)
    (one,) = deployments(env.cloud, lambda _: env)
    assert one.backup_at is None and any(
        "backups of example.com are not known" in text for text in world.progress.texts
    )
