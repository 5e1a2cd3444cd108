"""The agent's own command lines, run by Compose: the bake and the droplet take the laptop's files, and nothing of the
machine's environment gets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.stack.loading import load
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.paths import ENV_EXAMPLE, ENV_FILE
from bootstrap_agent.contract.release import Release
from bootstrap_agent.inventory import compose_images
from tests.composer import MISSING, plugin

pytestmark = pytest.mark.skipif(plugin() is None, reason=MISSING)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the seed's layout, and a `docker` that knows no command but compose."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\nshift\nexec {plugin()} "$@"\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:/usr/bin:/bin")
    for name in ("USER", "SHELL", "COMPOSE_PROFILES", "COMPOSE_FILE"):
        monkeypatch.setenv(name, "of-the-machine")
    folder = tmp_path / "stack"
    (folder / "Docker").mkdir(parents=True)
    environment = "['U=${USER}', 'S=${SHELL-none}', 'K=${KEY}', 'R=${RELEASE}']"
    (folder / "Docker" / "compose.yaml").write_text(
        f"services:\n  app: {{image: 'app:1', build: ../app, environment: {environment}}}\n"
        "  migrate: {image: 'app:1', profiles: [jobs]}\n"
    )
    (folder / "over.yaml").write_text(
        "x-bootstrap: {name: shop, health: [/], jobs: [migrate]}\nservices: {db: {image: 'postgres:16'}}\n"
    )
    (folder / ENV_EXAMPLE).write_text("USER=shop\nKEY=\n")
    return folder


def test_bake_and_droplet_take_the_files_that_the_laptop_took(stack: Path) -> None:
    loaded = load(stack, ["Docker/compose.yaml", "over.yaml"])
    assert compose_images(stack, loaded.compose_file, "r") == ["app:1", "postgres:16"]
    (stack / ENV_FILE).write_text("USER=shop\nKEY='-----BEGIN-----\na$b\n'\n")
    compose = Compose(Release(name="r", stack_dir=str(stack), compose_file=loaded.compose_file, images={}))
    assert compose.services() == ["app", "db"] and compose.images() == ["app:1", "postgres:16"]
    app = compose.model["services"]["app"]
    assert app["build"]["context"] == str(stack / "app")
    # a dollar of the model is written twice
    key = "-----BEGIN-----\na$$b\n"
    assert app["environment"] == {"U": "shop", "S": "none", "K": key, "R": "r"}
