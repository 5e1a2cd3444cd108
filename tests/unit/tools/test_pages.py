"""What the pages name is there: files, links and their headings, commands and their options."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from pathlib import Path

import click
import pytest

from bootstrap.cli.main import root

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "stack" / "README.md"])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FOLDERS = "agent|bench|bootstrap|cloud-init|docs|examples|localcloud|packer|tests|tools"
# CHANGELOG.md tells of what was, too
OF_TODAY = [name for name in NAMES if name != "CHANGELOG.md"]


@pytest.mark.parametrize("name", OF_TODAY)
def test_each_path_is_there(name: str) -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[\w./*-]*)`", (ROOT / name).read_text())
    assert [path for path in named if not list(ROOT.glob(path))] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)", page.read_text())
    for path, heading in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not heading or heading in _headings(target), f"{path}#{heading}"


@pytest.mark.parametrize("name", [name for name in OF_TODAY if name != "docs/cli.md"])
def test_each_command_is_one(name: str) -> None:
    for line in _commands((ROOT / name).read_text()):
        # what comes after a pipe is another's
        mine = takewhile(lambda word: word != "|", shlex.split(line.replace("\\", ""), comments=True)[1:])
        _parse(list(mine))


def _headings(page: Path) -> set[str]:
    """As they are in links: lower case, words joined by hyphens, no other marks."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _commands(text: str) -> list[str]:
    """Lines of code blocks, and code in a line, that call bootstrap with words that could be typed."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    lines = [line for block in blocks for line in block.splitlines()] + inline
    typed = [re.sub(r"^(sudo -E )?(\S*/)?bootstrap ", "bootstrap ", line) for line in lines]
    return [line for line in typed if re.match(r"bootstrap [a-z-]", line) and "…" not in line]


def _parse(words: list[str]) -> None:
    """Every command and option is one; values are not looked at."""
    command: click.Command = root
    context = click.Context(root, info_name="bootstrap")
    while True:
        _, left, _ = command.make_parser(context).parse_args(words)
        # what `cloud` is given is for another program
        if not isinstance(command, click.Group) or not left or command.name == "cloud":
            return
        below = command.get_command(context, left[0])
        assert below is not None, f"bootstrap {' '.join(words)}"
        command, words = below, left[1:]
        context = click.Context(below, info_name=left[0], parent=context)
