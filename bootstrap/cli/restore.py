from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from bootstrap.cli.context import Context, Moment, domain_argument, json_option, pass_context, recovery_key_option
from bootstrap.errors import UsageError


@click.command()
@click.argument("backup_id", metavar="ID|latest")
@domain_argument
@click.option("--to", type=Moment(), metavar="TIME", help="A moment to go back to, with its zone; then ID is `latest`.")
@click.option("--only", metavar="DATABASE|media", help="One database of the cluster, or the media alone.")
@recovery_key_option
@click.option("--no-safety-backup", is_flag=True, help="Do not back up first what is there.")
@click.option("--yes", is_flag=True, help="Do not ask for the domain's name.")
@json_option
@pass_context
def restore(
    context: Context,
    backup_id: str,
    domain: str | None,
    to: datetime | None,
    only: str | None,
    recovery_key: Path | None,
    no_safety_backup: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Replace databases and media with those of a backup.

    All databases come back as of one moment. What is there is backed up first; the site serves it until what comes has
    been fetched, verified and recovered beside it. What was written since that moment is lost.

    \b
    bootstrap restore latest
    bootstrap restore latest --to '2026-11-24 13:05:00+00:00'
    bootstrap restore 20261124_020000 example.com --only ticket_db --yes
    """
    from bootstrap.operations.restore import LATEST, choose_backup, restore
    from bootstrap_agent.contract import form

    if to and backup_id != LATEST:
        raise UsageError("--to finds its backup by itself", "bootstrap restore latest --to TIME")
    env = context.environment(domain, recovery_key=recovery_key)
    backup = choose_backup(env, backup_id, to)
    moment = to.isoformat() if to else backup.time
    if not yes:
        what = f"replace {only or 'the data'} of {env.settings.domain} by those of {moment} (backup {backup.id})"
        context.console.confirm(env.settings.domain, what)
    confirmed = None if yes else backup
    restored = restore(env, backup_id, to=to, only=only, safely=not no_safety_backup, confirmed=confirmed)
    if as_json:
        context.console.json(form.plain(restored))
    else:
        context.console.print(f"https://{env.settings.domain}/ serves the data of {moment}")
