"""`bootstrap init`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bootstrap.cli.context import Context, pass_context
from bootstrap.cli.stack import adopted, file_option


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@file_option
@pass_context
def init(context: Context, folder: Path, named: tuple[str, ...]) -> None:
    """Make your repository ready: adopt its stack, write bootstrap.yaml.

    \b
    bootstrap init
    bootstrap init -f Docker/docker-compose.yml
    """
    from bootstrap.stack.adopt import render

    made = adopted(context, folder, named)
    if context.config.exists():
        context.console.print(f"{context.config}: kept as it is")
    else:
        beside = os.path.relpath(made.folder, context.config.resolve().parent)
        context.config.write_text(render.settings(beside), encoding="utf-8")
        context.console.print(f"{context.config}: written")
    context.console.print(
        f"next: bootstrap stack check {os.path.relpath(made.folder)}, bootstrap image build, bootstrap create"
    )
