"""`bootstrap cloud`: becomes the local cloud's own program, with the same words; nothing here imports or knows them."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

import click

from bootstrap.errors import RequirementError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = [sys.executable, "-m", "localcloud"]
# by this name the program speaks of itself, in its help and in its advice
NAME = {"LOCALCLOUD_PROGRAM": "bootstrap cloud"}


class _HandedOver(click.Command):
    """Every word that follows, `--help` and `--` included, is the other program's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return args

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        import shlex
        import subprocess

        from click.shell_completion import CompletionItem

        words = ["localcloud", *ctx.args, incomplete]
        asked = {
            "_LOCALCLOUD_COMPLETE": "bash_complete",
            "COMP_WORDS": shlex.join(words),
            "COMP_CWORD": f"{len(words) - 1}",
        }
        done = subprocess.run(PROGRAM, env={**os.environ, **asked}, capture_output=True, text=True)
        found = (line.partition(",") for line in done.stdout.splitlines())
        return [CompletionItem(value, type=kind) for kind, _, value in found]


@click.command(cls=_HandedOver, add_help_option=False, options_metavar="COMMAND [OPTIONS] [ARGS]...")
@click.pass_context
def cloud(ctx: click.Context) -> NoReturn:
    """Run the local cloud: a DigitalOcean on this machine.

    It hands all words to the program `localcloud`: `bootstrap cloud --help` lists them.

    \b
    bootstrap cloud start
    bootstrap --cloud local create --domain tickets.test
    """
    # a mere folder of that name, as in a checkout, is a package without an origin
    if (found := find_spec("localcloud")) is None or found.origin is None:
        raise RequirementError(
            "the local cloud is not installed here", "`pip install ./localcloud` in bootstrap's repository"
        )
    sys.stdout.flush()
    os.execve(PROGRAM[0], [*PROGRAM, *ctx.args], {**os.environ, **NAME})  # noqa: S606 (no shell is the point)
