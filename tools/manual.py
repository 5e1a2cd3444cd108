"""docs/cli.md, made of the help texts: `make docs`. A test keeps it in step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from bootstrap.cli.main import root
from localcloud.cli.main import root as local_cloud

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
_HEAD = """# Commands

Made from the help texts by `make docs`; `bootstrap COMMAND --help` says the same. Exit codes, output and `--json`:
[operations.md](operations.md).
"""
_LOCAL_CLOUD = """# The local cloud's commands

`bootstrap cloud …` is the same as `localcloud …`, also in its answers: use whichever is installed.
[local-cloud.md](local-cloud.md) says more.
"""
_WIDTH = 80


def manual() -> str:
    own, others = _sections(root, "bootstrap", None), _sections(local_cloud, "localcloud", None)
    return "\n".join([_HEAD, *own, _LOCAL_CLOUD, *others])


def _sections(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    ctx = click.Context(
        command, info_name=path.rpartition(" ")[2], parent=parent, terminal_width=_WIDTH, **command.context_settings
    )
    yield f"## {path}\n\n```\n{_help(command, ctx)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            if not below.hidden:
                yield from _sections(below, f"{path} {name}", ctx)


def _help(command: click.Command, ctx: click.Context) -> str:
    return "\n".join(line.rstrip() for line in command.get_help(ctx).splitlines())


if __name__ == "__main__":
    PAGE.write_text(manual())
