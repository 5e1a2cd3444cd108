"""What Compose refuses is refused at once, in its own words, by the check and before a bake."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.adapters.compose import OLDEST, refusal
from bootstrap.cli import main
from tests.composer import MISSING, plugin, version
from tests.unit.stack.test_inputs import CASES, write

pytestmark = pytest.mark.skipif(plugin() is None or version() < OLDEST, reason=MISSING)


@pytest.fixture(autouse=True)
def docker(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that knows no command but compose."""
    program = tmp_path_factory.mktemp("bin") / "docker"
    program.write_text(f'#!/bin/sh\nshift\nexec {plugin()} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.compose])
def test_its_words_are_among_the_findings(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, CASES[name])
    assert CASES[name].compose in (refusal(tmp_path, ["compose.yaml"]) or "")
    assert main.run(["stack", "check", str(tmp_path)]) == 2
    assert "error: compose.yaml: Docker Compose refuses it: " in capsys.readouterr().out


def test_what_it_takes_it_says_nothing_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, CASES["a range of ports"])
    monkeypatch.setenv("COMPOSE_FILE", "another.yaml")
    assert refusal(tmp_path, ["compose.yaml"]) is None
    assert refusal(tmp_path, []) is None


def test_without_it_and_with_an_old_one_nothing_is_said(
    tmp_path: Path, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, CASES["a key twice"])
    docker.write_text("#!/bin/sh\ncase $2 in version) echo 2.17.2 ;; *) exit 1 ;; esac\n")
    assert refusal(tmp_path, ["compose.yaml"]) is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert refusal(tmp_path, ["compose.yaml"]) is None
