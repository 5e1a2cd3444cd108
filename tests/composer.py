"""Compose itself as the judge of how we read: the plugin alone, which needs no daemon to read files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PLUGINS = ("/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker")
MISSING = "Docker Compose 2 is not installed: .ci/setup installs it"


@dataclass(frozen=True)
class Answer:
    """`model` is None when Compose refuses; `said` is its own words."""

    model: dict[str, Any] | None
    said: str


@cache
def plugin() -> str | None:
    """BOOTSTRAP_TEST_COMPOSE names another than the installed one."""
    named = os.environ.get("BOOTSTRAP_TEST_COMPOSE")
    places = [Path(folder) / "cli-plugins" / "docker-compose" for folder in PLUGINS]
    found = [named, *(str(path) for path in places), shutil.which("docker-compose")]
    return next((path for path in found if path and Path(path).is_file() and _is_second(path)), None)


def _is_second(path: str) -> bool:
    shown = subprocess.run([path, "version", "--short"], capture_output=True, text=True, env={}, check=False)
    return shown.returncode == 0 and not shown.stdout.startswith("1.")


@cache
def version() -> tuple[int, ...]:
    path = plugin()
    assert path
    shown = subprocess.run([path, "version", "--short"], capture_output=True, text=True, env={}, check=True).stdout
    return tuple(int(part) for part in shown.split("+")[0].split("-")[0].strip().lstrip("v").split("."))


def ask(folder: Path, *arguments: str, env: dict[str, str] | None = None, profiles: bool = True) -> Answer:
    """The model of the stack in `folder`, with all profiles or none; nothing of this machine's environment gets in."""
    path = plugin()
    assert path
    argv = [path, *arguments, *(["--profile=*"] if profiles else []), "config", "--format=json"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, env=env or {}, check=False)
    return Answer(json.loads(done.stdout) if done.returncode == 0 else None, done.stderr.strip())
