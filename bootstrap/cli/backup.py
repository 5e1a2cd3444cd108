from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bootstrap.cli.around import BACKUP_FAILED, around
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context, recovery_key_option
from bootstrap.cli.pull import pull


@click.group()
def backup() -> None:
    """Back up now, list, show, verify and copy backups.

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

    env = context.environment(domain)
    with around(context, env.settings, "backup now", failed=BACKUP_FAILED):
        manifest = backup_now(env)
    if as_json:
        context.console.json(form.plain(manifest))
    else:
        parts = [*manifest.databases, *manifest.dumped, *(manifest.media.folders if manifest.media else ())]
        context.console.print(f"backup {manifest.id}: {', '.join(parts)}")


@backup.command()
@click.argument("backup_id", metavar="ID|all", default="all")
@domain_argument
@recovery_key_option
@json_option
@pass_context
def verify(context: Context, backup_id: str, domain: str | None, recovery_key: Path | None, as_json: bool) -> None:
    """Read what is stored, and compare every byte with what was stored; no droplet is needed.

    Where the recovery key is, PostgreSQL's log is opened too, as far as it goes on without a gap.

    \b
    bootstrap backup verify
    bootstrap backup verify 20261124_020000 example.com
    """
    from bootstrap.errors import BackupError
    from bootstrap.operations.verify import verify as operation

    found = operation(context.environment(domain, recovery_key=recovery_key), None if backup_id == "all" else backup_id)
    if as_json:
        context.console.json([asdict(one) for one in found])
    else:
        rows = [(one.id, str(one.objects), str(one.size), "; ".join(one.problems) or "whole") for one in found]
        context.console.table(("id", "objects", "bytes", "state"), rows)
    if bad := [one for one in found if one.problems]:
        raise BackupError(f"backup {bad[0].id}: {bad[0].problems[0]}", "bootstrap backup now makes a new one")


backup.add_command(pull)


@backup.command()
@click.argument("backup_id", metavar="ID|latest")
@domain_argument
@json_option
@pass_context
def show(context: Context, backup_id: str, domain: str | None, as_json: bool) -> None:
    """Show what a backup holds: its manifest.

    \b
    bootstrap backup show latest
    bootstrap backup show 20261124_020000 --json
    """
    from bootstrap.operations.backup import manifest_of
    from bootstrap_agent.contract import form

    found = manifest_of(context.environment(domain), backup_id)
    if as_json:
        context.console.json(form.plain(found))
        return
    rows = [(part.key.rpartition("/")[2], str(part.size), part.sha256) for part in found.parts]
    context.console.table(("object", "bytes", "sha256"), rows)
    if found.cluster:
        context.console.print()
        tables = [
            (f"{name}.{table}", str(fewest) if fewest == most else f"{fewest} to {most}")
            for name, rows_of in found.cluster.rows.items()
            for table, (fewest, most) in rows_of.items()
        ]
        context.console.table(("table", "rows"), tables)


@backup.command()
@domain_argument
@json_option
@pass_context
def prune(context: Context, domain: str | None, as_json: bool) -> None:
    """Delete what is older than the settings say, as the droplet does after each backup.

    \b
    bootstrap backup prune
    bootstrap backup prune example.com --json
    """
    from bootstrap.operations.prune import prune as operation
    from bootstrap_agent.contract import form

    done = operation(context.environment(domain))
    if as_json:
        context.console.json(form.plain(done))
    else:
        context.console.print(f"{len(done.removed)} removed, {len(done.kept)} kept")


@backup.command("list")
@domain_argument
@json_option
@pass_context
def list_(context: Context, domain: str | None, as_json: bool) -> None:
    """List the backups in Spaces, newest first; no droplet is needed.

    Behind them stands the window that `bootstrap restore latest --to TIME` reaches, with the gaps of PostgreSQL's log.

    \b
    bootstrap backup list
    bootstrap backup list example.com --json
    """
    from bootstrap.operations.backup import list_backups, spans

    backups = list_backups(context.environment(domain))
    if as_json:
        context.console.json([asdict(one) for one in backups])
        return
    context.console.table(
        ("id", "kind", "time", "bytes", "databases", "release"),
        [(b.id, b.kind, b.time, b.size, ",".join(b.databases) or "-", b.release or "-") for b in backups],
    )
    if window := spans(backups):
        context.console.print()
        context.console.table(
            ("restore --to", "until", "then"), [(span.since, span.until, _then(span.missing)) for span in window]
        )


def _then(missing: str | None) -> str:
    return f"segment {missing} of the log is missing" if missing else "-"
