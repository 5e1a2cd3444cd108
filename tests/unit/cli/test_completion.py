"""TAB, as the shells ask for it: quick, without the network, and silent when nothing is known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.cli import completing
from tests.unit.cli.test_main import HEAVY


def tab(state: Path, *words: str) -> list[str]:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DIGITALOCEAN", "BOOTSTRAP"))},
        "XDG_STATE_HOME": str(state),
        "_BOOTSTRAP_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["bootstrap", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-X", "importtime", "-c", "from bootstrap.cli.main import main; main()"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not imported & {*HEAVY, "urllib3", "requests"}
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_options_and_choices(tmp_path: Path) -> None:
    assert tab(tmp_path, "re") == ["redeploy", "restore", "report"]
    assert "--dry-run" in tab(tmp_path, "create", "--d")
    assert tab(tmp_path, "backup", "") == ["list", "now", "prune", "pull", "show", "verify"]
    assert tab(tmp_path, "completion", "z") == ["zsh"]


def test_what_earlier_commands_saw_in_the_chosen_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    completing.remember("digitalocean", domains=["a.example", "b.example"], images=[("123", "one")])
    completing.remember_domain("local", "tickets.test")
    assert tab(tmp_path, "status", "") == ["a.example", "b.example"]
    assert tab(tmp_path, "redeploy", "--image", "1") == ["123"]
    assert tab(tmp_path, "--cloud", "local", "status", "") == ["tickets.test"]
    completing.remember_domain("local", "tickets.test", gone=True)
    assert tab(tmp_path, "--cloud", "local", "status", "") == []


@pytest.mark.parametrize("content", ["", "[]", '{"domains": 3}'])
def test_a_broken_memory_is_silent(tmp_path: Path, content: str) -> None:
    (tmp_path / "bootstrap").mkdir()
    (tmp_path / "bootstrap" / "words-digitalocean.json").write_text(content)
    assert tab(tmp_path, "status", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    command = [sys.executable, "-m", "bootstrap.cli.main", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "_BOOTSTRAP_COMPLETE" in script and "bootstrap" in script
