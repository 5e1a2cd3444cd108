"""`bootstrap destroy`."""

from __future__ import annotations

import click

from bootstrap.cli import completing
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.command()
@domain_argument
@click.option("--volume", is_flag=True, help="Delete the data volume and its snapshots too.")
@click.option("--backups", is_flag=True, help="Delete the backups in Spaces too.")
@click.option("--zones", is_flag=True, help="Delete the domain's zone too, unless other records are in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_context
def destroy(
    context: Context, domain: str | None, volume: bool, backups: bool, zones: bool, yes: bool, as_json: bool
) -> None:
    """Delete the deployment; keep its data volume and backups by default.

    Asks for the domain's name. A later `create` finds the kept volume and serves the same data. Says what is left in
    the end, what it costs, and the command that takes it along.

    \b
    bootstrap destroy example.com
    bootstrap destroy example.com --volume --backups
    """
    from bootstrap.operations import destroy as operation

    env = context.environment(domain)
    confirmed = None
    if not yes:
        confirmed = operation.check_exists(env, volume=volume, backups=backups, zones=zones)
        context.console.confirm(env.settings.domain, operation.plan_text(confirmed, env, volume, backups, zones))
    done = operation.destroy(env, volume=volume, backups=backups, zones=zones, confirmed=confirmed)
    completing.remember_domain(context.cloud_name, env.settings.domain, gone=True)
    if as_json:
        context.console.json({**vars(done), "left": [vars(one) for one in done.left]})
        return
    context.console.print(f"{env.settings.domain} is gone: {done.droplets} droplet(s) deleted")
    if done.volume_kept:
        context.console.print(f"kept: data volume {done.volume_kept}, for the next `bootstrap create`")
    if done.keys_deleted:
        context.console.print(f"public keys taken out of the account: {', '.join(done.keys_deleted)}")
    for one in done.left:
        context.console.hint(f"left: {one}")
