"""The root command: fast, honest about its commands, and one place for errors."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bootstrap.adapters.packer import PackerProcess
from bootstrap.adapters.process import blamed, line
from bootstrap.cli import crash, main
from bootstrap.errors import CloudError, ConflictError, CredentialsError

TOKEN = "dop_v1_0123456789"

HEAVY = ("pydantic", "boto3", "digitalocean", "httpx", "rich", "yaml", "cryptography", "jinja2", "dns", "stamina")


def commands() -> dict[str, click.Command]:
    with click.Context(main.root) as ctx:
        found = {name: main.root.get_command(ctx, name) for name in main.root.list_commands(ctx)}
    return {name: command for name, command in found.items() if command is not None}


def test_help_lines_are_the_commands_own() -> None:
    for name, command in commands().items():
        assert command.get_short_help_str(limit=200) == main.COMMANDS[name][1], name


def leaves() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in commands().items():
        below = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {sub}": leaf for sub, leaf in below.items()} or {name: command}
    return found


@pytest.mark.parametrize("name", leaves())
def test_every_command_has_help_and_an_example(name: str) -> None:
    assert f"bootstrap {name}" in (leaves()[name].help or "")


def test_every_command_is_part_of_a_day() -> None:
    """docs/everyday.md has an example of each."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "everyday.md").read_text()
    assert [name for name in commands() if f"bootstrap {name}" not in page] == []


def test_help_imports_nothing_heavy_and_no_command() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bootstrap.cli.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "click" in imported
    assert not [name for name in imported if name.split(".")[0] in HEAVY]
    # errors are printed by the console, whatever else fails to load
    adapters = {"bootstrap.adapters", "bootstrap.adapters.console"}
    ours = {name for name in imported if name.startswith(("bootstrap.operations", "bootstrap.adapters"))}
    assert ours <= adapters
    assert not imported & {where.split(":")[0] for where, _ in main.COMMANDS.values()}


def run(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main.run(argv)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("DIGITALOCEAN", "SPACES", "AWS", "BOOTSTRAP")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BOOTSTRAP_CLOUD_HOME", str(tmp_path / "cloud"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("argv", "code", "error", "hint"),
    [
        (["status", "a.example"], 3, "no DigitalOcean token", "hint: "),
        (["--cloud", "local", "status", "a.example"], 11, "the local cloud is not running", "bootstrap cloud start"),
        (["--cloud", "elsewhere", "status"], 2, "--cloud", "bootstrap --help"),
        (["status", "--nonsense"], 2, "no such option", "bootstrap status --help"),
        (["nonsense"], 2, "no such command", "bootstrap --help"),
        (["redploy"], 2, "no such command 'redploy'", "did you mean redeploy? bootstrap --help"),
        (["backup", "nwo"], 2, "no such command 'nwo'", "did you mean now? bootstrap backup --help"),
        (["create", "--domian", "a.example"], 2, "no such option", "did you mean --domain? bootstrap create --help"),
        (["--config", "absent.yaml", "status"], 2, "absent.yaml: there is no such file", "--config"),
    ],
)
def test_errors_are_one_line_with_a_hint(
    argv: list[str], code: int, error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    got, out, err = run(*argv, capsys=capsys)
    assert (got, out) == (code, "")
    first, second = err.splitlines()
    assert first.startswith("error: ") and error.lower() in first.lower()
    assert second.startswith("hint: ") and hint in second


def raising(error: BaseException) -> click.Command:
    def callback() -> None:
        raise error

    return click.Command("status", callback=callback)


def test_an_error_of_ours_is_its_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: raising(CredentialsError("refused", "get another")))
    assert run("status", capsys=capsys) == (3, "", "error: refused\nhint: get another\n")


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: raising(KeyboardInterrupt()))
    assert run("status", capsys=capsys)[0] == 130


def test_the_unexpected_leaves_a_report_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "dop_v1_0123456789")
    broken = ValueError("sent dop_v1_0123456789 and DB_PASSWORD=hunter2")
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: raising(broken))
    code, out, err = run("status", capsys=capsys)
    assert (code, out, len(err.splitlines())) == (1, "", 2)
    (report,) = (tmp_path / "state" / "bootstrap").glob("crash-*.txt")
    assert str(report) in err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "ValueError" in text and "test_main.py" in text
    assert "dop_v1" not in text + err and "hunter2" not in text + err


def test_the_unexpected_is_one_line_also_where_no_report_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: raising(ValueError("broken")))
    code, out, err = run("status", capsys=capsys)
    assert (code, out, len(err.splitlines())) == (1, "", 2)
    assert "unexpected ValueError" in err and f"{tmp_path}/state" in err and "XDG_STATE_HOME" in err


def test_redaction_keeps_what_is_not_secret() -> None:
    assert crash.redact("region: nyc3, DB_PASSWORD: x1") == "region: nyc3, DB_PASSWORD: [secret]"


@pytest.mark.parametrize("argv", [["status", "a.example"], ["status", "--nonsense"], ["nonsense"], ["status", "ssh"]])
def test_a_failure_is_json_too_where_json_was_asked_for(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(*argv, "--json", capsys=capsys)
    said = json.loads(out)["error"]
    assert (said["exit_code"], f"error: {said['message']}") == (code, err.splitlines()[0])
    assert said["class"] in ("CredentialsError", "UsageError") and said["remedy"]


def failing(folder: Path) -> click.Command:
    """Runs a real child with a secret in its environment; what it says is told in other words."""
    program = folder / "packer"
    program.write_text('#!/bin/sh\ntest "$1" = version && echo Packer v1.6.6 && exit 0\necho boom\nexit 3\n')
    program.chmod(0o755)

    def callback() -> None:
        try:
            PackerProcess(str(program)).build(
                folder, variables={"region": "a b", "tags": ["x"]}, secrets={"token": TOKEN}, line=lambda _: None
            )
        except CloudError as error:
            raise ConflictError(f"not baked: {error.message}") from None

    return click.Command("status", callback=callback)


@pytest.mark.parametrize("how", ["--debug", "BOOTSTRAP_DEBUG", None])
def test_the_child_that_failed_is_shown_as_a_line_to_paste(
    how: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", TOKEN)
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: failing(tmp_path))
    if how == "BOOTSTRAP_DEBUG":
        monkeypatch.setenv(how, "1")
    code, out, err = run(*(["--debug"] if how == "--debug" else []), "status", capsys=capsys)
    assert (code, out, TOKEN in err) == (5, "", False)
    first, *more = err.splitlines()
    assert first == "error: not baked: packer build failed: boom"
    argv = f"{tmp_path}/packer build -color=false -var 'region=a b' -var 'tags=[\"x\"]' {tmp_path}"
    assert more == ([f"command: PKR_VAR_token=[secret] {argv}"] if how else [])
    if how:
        pasted = more[0].removeprefix("command: ")
        again = subprocess.run(pasted, shell=True, capture_output=True, text=True)
        assert (again.returncode, again.stdout) == (3, "boom\n")


def test_a_secret_that_stands_in_a_line_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", TOKEN)
    error = blamed(CredentialsError("refused"), line(["curl", TOKEN, "password=hunter2", "a b"]))
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: raising(error))
    err = run("--debug", "status", capsys=capsys)[2]
    assert err == "error: refused\ncommand: curl [secret] password=[secret] 'a b'\n"


@pytest.mark.parametrize("argv", [["ssh", "a.example", "cat", "--json"], ["ssh", "--", "cat", "--json"]])
def test_the_words_of_a_command_over_there_are_not_ours(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv, capsys=capsys)[:2] == (3, "")
