"""examples/ci/: what stands there are command lines of ours, and secrets come from the CI's own store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bootstrap.cli import context, main

CI = Path(__file__).resolve().parents[3] / "examples" / "ci"
GITHUB, GITLAB = CI / "github-actions.yml", CI / "gitlab-ci.yml"
SECRETS = {
    *context.TOKEN_VARIABLES,
    *(name for pair in context.SPACES_VARIABLES for name in pair),
    context.SMTP_VARIABLE,
    context.REGISTRY_VARIABLE,
    context.PING_VARIABLE,
    *context.COPY_VARIABLES,
    "SSH_PRIVATE_KEY",
    "RECOVERY_KEY",
}


class _Loader(yaml.SafeLoader):
    """GitLab's own tag, too."""


_Loader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))  # type: ignore[arg-type]


def parsed(file: Path) -> Any:
    return yaml.load(file.read_text(), _Loader)


def walked(node: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf, with the keys that lead to it."""
    if isinstance(node, dict):
        for name, below in node.items():
            yield from walked(below, (*at, str(name)))
    elif isinstance(node, list):
        for below in node:
            yield from walked(below, at)
    else:
        yield at, node


def scripts(file: Path) -> list[str]:
    """What a shell is given."""
    found = [(at[-1], str(leaf)) for at, leaf in walked(parsed(file)) if at]
    return [text for key, text in found if key in ("run", "script", "before_script", "after_script")]


def lines(file: Path) -> list[str]:
    every = [line.strip() for text in scripts(file) for line in text.splitlines()]
    return [line for line in every if line.startswith("bootstrap ")]


def accept(line: str) -> str:
    """Reads a line as `bootstrap` would, without doing it; click's error when it would be refused. Returns the verb."""
    words = shlex.split(line)[1:]
    ctx = main.root.make_context("bootstrap", words, obj=None)
    command: click.Command = main.root
    while isinstance(command, click.Group):
        name, below, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        assert below is not None and name is not None
        command, ctx = below, below.make_context(name, rest, parent=ctx)
    return ctx.command_path


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=lambda file: file.stem)
def test_every_line_is_one_that_we_accept(file: Path) -> None:
    verbs = {accept(line) for line in lines(file)}
    expected = {"stack check", "deploy", "image build", "image prune", "rollback", "status", "doctor"}
    assert verbs == {f"bootstrap {verb}" for verb in expected}


@pytest.mark.parametrize("line", ["bootstrap deploi", "bootstrap deploy --dryrun", "bootstrap image prune --keep none"])
def test_a_line_that_we_do_not_accept_is_found(line: str) -> None:
    with pytest.raises(click.ClickException):
        accept(line)


def test_github_takes_secrets_from_its_store_and_no_shell_line_holds_one() -> None:
    given = [(at, leaf) for at, leaf in walked(parsed(GITHUB)) if at and at[-1] in SECRETS]
    assert given
    for at, value in given:
        assert at[-2] == "env" and value == f"${{{{ secrets.{at[-1]} }}}}", at
    elsewhere = [at for at, leaf in walked(parsed(GITHUB)) if "secrets." in str(leaf) and at[-1] not in SECRETS]
    assert not elsewhere and not [text for text in scripts(GITHUB) if "secrets." in text or "${{" in text]
    assert parsed(GITHUB)["permissions"] == {"contents": "read"}


def test_gitlab_defines_no_secret_and_none_is_a_word_of_a_command() -> None:
    assert not [at for at, _ in walked(parsed(GITLAB)) if SECRETS & set(at)]
    # of type "file": the variable is a path
    used = {name for text in scripts(GITLAB) for name in SECRETS if name in text}
    assert used == {"SSH_PRIVATE_KEY"}


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=lambda file: file.stem)
def test_the_key_that_opens_backups_is_not_there(file: Path) -> None:
    assert "recovery.key" not in file.read_text() and "RECOVERY_KEY" not in file.read_text()
