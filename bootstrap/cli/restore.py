from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.command()
@click.argument("backup_id", metavar="ID|latest")
@domain_argument
@click.option("--yes", is_flag=True, help="Do not ask for the domain's name.")
@json_option
@pass_context
def restore(context: Context, backup_id: str, domain: str | None, yes: bool, as_json: bool) -> None:
    """Replace databases and media with those of a backup.

    The stack is stopped meanwhile; what was written since that backup is lost.

    \b
    bootstrap restore latest
    bootstrap restore 20261124_020000 example.com --yes
    """
    from bootstrap.operations.restore import choose_backup, restore
    from bootstrap_agent.contract import form

    env = context.environment(domain)
    backup = choose_backup(env, backup_id)
    if not yes:
        what = f"replace the data of {env.settings.domain} by those of {backup.time} (backup {backup.id})"
        context.console.confirm(env.settings.domain, what)
    restored = restore(env, backup_id, None if yes else backup)
    if as_json:
        context.console.json(form.plain(restored))
    else:
        context.console.print(f"https://{env.settings.domain}/ serves the data of {backup.time}")
