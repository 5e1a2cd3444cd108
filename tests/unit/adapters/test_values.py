"""Commands that print values: real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.adapters.values import Commands
from bootstrap.errors import BootstrapError


def test_a_command_is_run_once_in_the_files_folder_without_a_shell(tmp_path: Path) -> None:
    (tmp_path / "values.env").write_text("NAME='it is $HOME'\n")
    commands = Commands(tmp_path)
    command = """sh -c 'echo run >>ran; cat values.env; read line || echo "# no input"'"""
    assert commands(command) == commands(command) == "NAME='it is $HOME'\n# no input\n"
    assert (tmp_path / "ran").read_text() == "run\n"
    assert commands("printf %s $HOME") == "$HOME"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'echo KEY=hunter2; echo hunter2 >&2; exit 3'", "env_from: sh ended with 3"),
        ("sh -c 'kill -9 $$'", "env_from: sh ended with -9"),
        ("no-such-program --hunter2", "env_from: no-such-program cannot be started: No such file or directory"),
        (r"printf \\377hunter2", "env_from: printf printed what is not UTF-8"),
        ("sleep 9", "env_from: sleep took longer than 0.5 s"),
    ],
)
def test_one_that_fails_is_one_line_without_what_it_printed(tmp_path: Path, command: str, said: str) -> None:
    commands = Commands(tmp_path, timeout_s=0.5)
    with pytest.raises(BootstrapError) as failed:
        commands(command)
    assert failed.value.message == said
    chain = [failed.value.remedy, failed.value.command, repr(failed.value.__cause__), repr(commands)]
    assert not any("hunter2" in str(one) for one in chain)
