"""Every command that a message, a remedy or a written file names can be pasted: click takes it as it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from bootstrap.cli.main import root

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [path for folder in ("bootstrap", "agent/bootstrap_agent") for path in (ROOT / folder).rglob("*.py")]
# what the program fills in
FILLED = "\0"
# `bootstrap` as a subject: what follows is no command
PROSE = frozenset(
    {"ran", "from", "itself", "on", "that", "puts", "says", "runs", "does", "works", "names", "differ", "is", "expects"}
)
# words that a person types as they stand, after a command that takes them
TYPED = frozenset({"latest"})
PLACEHOLDERS = {"ID": "1", "IMAGE": "1", "TIME": "2026-11-29T10:00:00Z", "…": ""}
_SAID = re.compile(r"(?<![\w/.-])bootstrap (?P<rest>[^`;,]*)")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Each literal that may be printed, docstrings apart: those of commands are held against click by docs/cli.md."""
    tree = ast.parse(path.read_text())
    quiet = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body[:1]
            and isinstance(node.body[0], ast.Expr)
        ):
            quiet.add(id(node.body[0].value))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else FILLED for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, node.value


def commands() -> Iterator[tuple[str, str]]:
    """Where, and what stands there from the word `bootstrap` on."""
    for path in SOURCES:
        for line, text in texts(path):
            for found in _SAID.finditer(text):
                # the version
                if found["rest"].strip(" .:") not in ("", FILLED):
                    yield f"{path.relative_to(ROOT)}:{line}", found["rest"]


def argv_of(rest: str) -> list[str]:
    """The words of the command; what goes on as a sentence is none of it."""
    argv: list[str] = []
    command: click.Command | None = root
    for word in rest.split():
        last, word = word[-1] in ".:)", word.rstrip(".:)")
        if "--" in argv or word.startswith("-"):
            argv.append(word)
        elif isinstance(command, click.Group) and (known := command.get_command(click.Context(command), word)):
            argv.append(word)
            command = known
        elif argv and (FILLED in word or word in TYPED or re.fullmatch(r"[A-Z…]+|example\.com", word)):
            argv.append(PLACEHOLDERS.get(word, word))
        elif argv and argv[-1] in ("--cloud", "--domain"):
            argv.append(word)
        else:
            break
        if last:
            break
    return [word for word in argv if word]


def parse(argv: list[str]) -> None:
    """As far as click goes without running anything."""
    command: click.Command = root
    parent: click.Context | None = None
    while True:
        context = command.make_context(command.name, list(argv), parent=parent)
        if not isinstance(command, click.Group):
            return
        left = [*context._protected_args, *context.args]
        if not left:
            return
        _, found, argv = command.resolve_command(context, left)
        assert found is not None
        command, parent = found, context


ALL = sorted(set(commands()))


def test_they_are_found() -> None:
    assert len(ALL) > 100
    assert ("bootstrap/images/workshop.py", "image build") in {(place.partition(":")[0], rest) for place, rest in ALL}


@pytest.mark.parametrize(("place", "rest"), ALL, ids=[place for place, _ in ALL])
def test_it_can_be_pasted(place: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # for those that take a folder
    for name in ("example.com", "DIR"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    argv = argv_of(rest)
    if not argv:
        assert rest.split()[0].strip(".:") in PROSE, f"{place}: bootstrap {rest} is no command"
        return
    # what is filled in is a domain, a folder or a service; else a number
    for filled in ("example.com", "1"):
        try:
            # what ends so is --help
            with suppress(click.exceptions.Exit):
                parse([word.replace(FILLED, filled) for word in argv])
            return
        except click.ClickException as error:
            refused = error
    pytest.fail(f"{place}: bootstrap {' '.join(argv)}: {refused.format_message()}")


@pytest.mark.parametrize(
    "wrong", ["bakup list", "backup lst", "image delete", "redeploy --imge 1", "image prune --keep no"]
)
def test_what_would_not_work_is_seen(wrong: str) -> None:
    argv = argv_of(wrong)
    with pytest.raises((click.ClickException, AssertionError)):
        assert argv and argv == wrong.split()[: len(argv)]
        assert len(argv) == len(wrong.split()) or "--keep" in argv, "a word was taken for a sentence"
        parse(wrong.split())
