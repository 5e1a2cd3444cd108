from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.completing import images
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context, stack_option
from bootstrap.cli.redeploy import show


@click.command()
@domain_argument
@click.option(
    "--to",
    "image_id",
    type=int,
    metavar="IMAGE",
    shell_complete=images,
    help="Image to go back to; default: the one before the live one's.",
)
@click.option("--keep-old", is_flag=True, help="Keep the current droplet, powered off. It still costs.")
@stack_option
@json_option
@pass_context
def rollback(
    context: Context, domain: str | None, image_id: int | None, keep_old: bool, stack: Path | None, as_json: bool
) -> None:
    """Go back to the release before the last redeploy.

    The data stays as it is now: what the newer release wrote or migrated is not undone. Each redeploy leaves a
    snapshot of the data volume, and `bootstrap restore` brings back a backup.

    \b
    bootstrap rollback
    bootstrap rollback example.com --to 12345
    """
    from bootstrap.operations.redeploy.rollback import rollback

    show(context.console, rollback(context.environment(domain, stack=stack), to=image_id, keep_old=keep_old), as_json)
