"""`bootstrap init`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bootstrap.cli.context import Context, json_option, pass_context
from bootstrap.cli.stack import adopted, file_option, plain, tell


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@file_option
@json_option
@pass_context
def init(context: Context, folder: Path, named: tuple[str, ...], as_json: bool) -> None:
    """Make your repository ready: adopt its stack, write bootstrap.yaml.

    \b
    bootstrap init
    bootstrap init -f Docker/docker-compose.yml
    """
    from bootstrap.stack.adopt import render

    made = adopted(folder, named)
    kept = context.config.exists()
    if not kept:
        beside = os.path.relpath(made.folder, context.config.resolve().parent)
        context.config.write_text(render.settings(beside), encoding="utf-8")
    if as_json:
        context.console.json({**plain(made), "settings": str(context.config), "settings_written": not kept})
        return
    tell(context, made)
    context.console.print(f"{context.config}: {'kept as it is' if kept else 'written'}")
    context.console.print(
        f"next: bootstrap stack check {os.path.relpath(made.folder)}, bootstrap image build, bootstrap create"
    )
