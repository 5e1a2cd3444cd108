"""The command line: quick, and every command has an example."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from localcloud.cli.main import root

HEAVY = ("pydantic", "httpx", "starlette", "uvicorn", "jinja2", "cryptography", "dnslib", "dns", "psutil", "sqlite3")


def leaves(command: click.Command = root, path: str = "localcloud") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves(below, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), [(path, c) for path, c in leaves() if not c.hidden])
def test_every_command_has_help_and_an_example(path: str, command: click.Command) -> None:
    assert f"\n{path}" in (command.help or "").replace("\n    ", "\n")


def test_what_start_runs_is_not_shown() -> None:
    assert [path for path, command in leaves() if command.hidden] == ["localcloud serve"]
    done = subprocess.run([sys.executable, "-m", "localcloud", "--help"], capture_output=True, text=True, check=True)
    assert "serve" not in done.stdout and "start" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "localcloud", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported and not imported & set(HEAVY)
