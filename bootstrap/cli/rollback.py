from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.around import changing
from bootstrap.cli.completing import images
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context, stack_option
from bootstrap.cli.redeploy import show

if TYPE_CHECKING:
    from bootstrap.deployment.environment import Environment


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
@click.option(
    "--with-data", is_flag=True, help="The data go back too, to what they were: what was written since is given up."
)
@click.option("--yes", is_flag=True, help="Do not ask for the domain's name, with --with-data.")
@click.option("--keep-old", is_flag=True, help="Keep the current droplet, powered off. It still costs.")
@stack_option
@json_option
@pass_context
def rollback(
    context: Context,
    domain: str | None,
    image_id: int | None,
    with_data: bool,
    yes: bool,
    keep_old: bool,
    stack: Path | None,
    as_json: bool,
) -> None:
    """Go back to the release before the last redeploy.

    The data stays as it is now: what the newer release wrote or migrated is not undone. With --with-data the volume
    goes back to its snapshot of just before that redeploy; what was written since is given up, and kept in another
    snapshot. `bootstrap restore` brings back a backup.

    \b
    bootstrap rollback
    bootstrap rollback example.com --to 12345
    bootstrap rollback --with-data
    """
    from bootstrap.operations.redeploy.rollback import rollback

    env = context.environment(domain, stack=stack)
    if with_data:
        _with_data(context, env, image_id, keep_old, yes, as_json)
        return
    with changing(context, env.settings, "rollback") as here:
        report = rollback(env, to=image_id, keep_old=keep_old)
        here.know(image=report.new.image, address=report.reserved_ip)
    show(context.console, report, as_json)


def _with_data(
    context: Context, env: Environment, image_id: int | None, keep_old: bool, yes: bool, as_json: bool
) -> None:
    from bootstrap.operations.redeploy import with_data

    goes = with_data.given_up(env, image_id)
    if not yes and goes is not None:
        context.console.confirm(env.settings.domain, with_data.plan_text(env, goes))
    with changing(context, env.settings, "rollback") as here:
        done = with_data.rollback_with_data(env, to=image_id, keep_old=keep_old, confirmed=None if yes else goes)
        here.know(image=done.replaced.new.image, address=done.replaced.reserved_ip)
    if as_json:
        context.console.json({**asdict(done.replaced), "given_up": done.told()})
        return
    show(context.console, done.replaced, as_json)
    if done.goes is not None:
        context.console.print(
            f"the data are those of {done.goes.since:%Y-%m-%d %H:%M:%S} UTC ({done.goes.snapshot}); what was written "
            f"from then to {done.until:%Y-%m-%d %H:%M:%S} UTC is given up, and kept in volume snapshot {done.kept_in}"
        )
