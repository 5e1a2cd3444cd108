"""`bootstrap ssh`: which words are ours, and which are the droplet's."""

from __future__ import annotations

import click
import pytest

from bootstrap.cli.ssh import _COMMAND, ssh

ARGVS = {
    "": (None, []),
    "a.example": ("a.example", []),
    "a.example uptime": ("a.example", ["uptime"]),
    "a.example docker ps -a --no-trunc": ("a.example", ["docker", "ps", "-a", "--no-trunc"]),
    "a.example -- docker ps": ("a.example", ["docker", "ps"]),
    "-- docker ps --help": (None, ["docker", "ps", "--help"]),
    "-- sh -c x -- y": (None, ["sh", "-c", "x", "--", "y"]),
    "a.example sh -- y": ("a.example", ["sh", "--", "y"]),
    # no list of commands is looked up, and no dot counted: the first word is the domain
    "uptime": ("uptime", []),
}


@pytest.mark.parametrize("argv", ARGVS)
def test_the_first_word_is_the_domain_unless_two_dashes_come_before_it(argv: str) -> None:
    with ssh.make_context("ssh", argv.split()) as ctx:
        assert (ctx.params["domain"], ctx.meta[_COMMAND]) == ARGVS[argv]


@pytest.mark.parametrize("argv", [["--nonsense"], ["a.example", "--nonsense", "uptime"]])
def test_an_option_before_the_command_is_ours(argv: list[str]) -> None:
    with pytest.raises(click.NoSuchOption):
        ssh.make_context("ssh", argv)
