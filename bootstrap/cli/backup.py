from __future__ import annotations

from dataclasses import asdict

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.group()
def backup() -> None:
    """Back up now, or list the backups.

    The droplet makes backups by itself at 02:00 (databases) and 03:00 (media).

    \b
    bootstrap backup now
    bootstrap backup list --json
    """


@backup.command()
@domain_argument
@json_option
@pass_context
def now(context: Context, domain: str | None, as_json: bool) -> None:
    """Back up databases and media to Spaces.

    \b
    bootstrap backup now
    bootstrap backup now example.com --json
    """
    from bootstrap.operations.backup import backup_now
    from bootstrap_agent.contract import form

    manifest = backup_now(context.environment(domain))
    if as_json:
        context.console.json(form.plain(manifest))
    else:
        parts = [*manifest.databases, *(manifest.media.folders if manifest.media else ())]
        context.console.print(f"backup {manifest.id}: {', '.join(parts)}")


@backup.command("list")
@domain_argument
@json_option
@pass_context
def list_(context: Context, domain: str | None, as_json: bool) -> None:
    """List the backups in Spaces, newest first; no droplet is needed.

    \b
    bootstrap backup list
    bootstrap backup list example.com --json
    """
    from bootstrap.operations.backup import list_backups

    backups = list_backups(context.environment(domain))
    if as_json:
        context.console.json([asdict(one) for one in backups])
        return
    context.console.table(
        ("id", "kind", "time", "bytes", "databases", "release"),
        [(b.id, b.kind, b.time, b.size, ",".join(b.databases) or "-", b.release or "-") for b in backups],
    )
