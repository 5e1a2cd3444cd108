"""`bootstrap cloud` is the local cloud's own program, under its own name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.test_completion import tab

# a Python that has bootstrap and the agent, and no local cloud
WITHOUT = """
import sys
from pathlib import Path
sys.path[:] = [entry for entry in sys.path if not (Path(entry) / "localcloud" / "__main__.py").exists()]
from bootstrap.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def run(home: Path, *argv: str) -> tuple[int, str, str]:
    env = {**os.environ, "BOOTSTRAP_CLOUD_HOME": str(home)}
    done = subprocess.run([sys.executable, *argv], env=env, capture_output=True, text=True, cwd="/")
    return done.returncode, done.stdout, done.stderr


def bootstrap(home: Path, *argv: str) -> tuple[int, str, str]:
    return run(home, "-m", "bootstrap.cli.main", "cloud", *argv)


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("-h",),
        ("faults", "add", "--help"),
        ("status", "--json"),
        ("status", "--", "--json"),
        ("--version",),
    ],
)
def test_the_words_arrive_as_they_are(tmp_path: Path, words: tuple[str, ...]) -> None:
    own = run(tmp_path, "-m", "localcloud", *words)
    assert own[1] or own[2]
    mine = bootstrap(tmp_path, *words)
    assert tuple(str(said).replace("bootstrap cloud", "localcloud") for said in mine) == tuple(map(str, own))


def test_help_and_advice_name_the_program_that_was_called(tmp_path: Path) -> None:
    code, out, _ = bootstrap(tmp_path, "--help")
    assert code == 0 and out.startswith("Usage: bootstrap cloud ") and "\n  bootstrap cloud start\n" in out
    assert run(tmp_path, "-m", "localcloud", "--help")[1].startswith("Usage: localcloud ")
    assert bootstrap(tmp_path, "status") == (0, "not running: bootstrap cloud start\n", "")
    assert run(tmp_path, "-m", "localcloud", "status") == (0, "not running: localcloud start\n", "")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["strat"], 2, "error: no such command 'strat'\nhint: did you mean start? bootstrap cloud --help\n"),
        (["status", "--jsno"], 2, "error: no such option '--jsno'\nhint: did you mean --json? bootstrap cloud status"),
        (["faults", "add", "nope"], 2, "error: invalid value for 'KIND': there is no fault nope; there are: rate-"),
        (["console", "web"], 11 if os.geteuid() else 4, "error: "),
        (["faults", "list"], 4, "error: the local cloud does not run: bootstrap cloud start\n"),
    ],
)
def test_errors_are_one_line_and_the_code_of_their_class(
    tmp_path: Path, words: list[str], code: int, error: str
) -> None:
    got, out, err = bootstrap(tmp_path, *words)
    assert (got, out) == (code, "") and err.startswith(error) and err.count("\n") <= 2


def test_without_the_local_cloud_it_says_what_to_do(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "-c", WITHOUT, "cloud", "status")
    assert (code, out) == (11, "")
    error, hint = err.splitlines()
    assert error == "error: the local cloud is not installed here" and "pip install ./localcloud" in hint


def test_tab_completes_the_other_program_s_words(tmp_path: Path) -> None:
    assert tab(tmp_path, "cloud", "st") == ["start", "status", "stop"]
    assert tab(tmp_path, "cloud", "faults", "") == ["add", "clear", "latency", "list", "unfriendly"]
    assert tab(tmp_path, "cloud", "faults", "add", "power") == ["power-cut"]
    assert tab(tmp_path, "cloud", "status", "--j") == ["--json"]
