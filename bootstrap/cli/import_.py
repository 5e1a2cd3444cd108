from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context
from bootstrap.errors import UsageError


@click.command("import")
@domain_argument
@click.option(
    "--database", "databases", multiple=True, metavar="[NAME=]FILE", help="A file of pg_dump; may be repeated."
)
@click.option(
    "--media", multiple=True, metavar="[FOLDER=]PATH", help="A folder, or a tar file of what is in it; may be repeated."
)
@click.option("--replace", is_flag=True, help="Also where something is there: that is backed up first.")
@click.option("--no-safety-backup", is_flag=True, help="With --replace: do not back up first what is there.")
@click.option("--yes", is_flag=True, help="With --replace: do not ask for the domain's name.")
@json_option
@pass_context
def import_(
    context: Context,
    domain: str | None,
    databases: tuple[str, ...],
    media: tuple[str, ...],
    replace: bool,
    no_safety_backup: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take a dump or files of another host onto a new deployment.

    What comes is loaded beside what is there, then takes its place: a run that is killed leaves nothing, and is run
    again. A dump is of one PostgreSQL database, as SQL or in pg_dump's custom format, also packed by gzip or zstd. All
    of it becomes the property of the stack's own role. How to move with minutes of outage: docs/moving-here.md.

    \b
    bootstrap import example.com --database shop.dump
    bootstrap import --database shop=shop.sql.zst --media uploads=./uploads
    bootstrap import example.com --database shop.dump --replace
    """
    import dataclasses

    from bootstrap.operations.importing.run import import_data
    from bootstrap.operations.importing.sources import parse

    if not (databases or media):
        raise UsageError("nothing to import", "name a dump or files: --database FILE, --media PATH")
    env = context.environment(domain)

    def confirm(full: str) -> None:
        if not yes:
            context.console.confirm(env.settings.domain, f"replace {full}")

    imported = import_data(
        env,
        [parse(text) for text in databases],
        [parse(text) for text in media],
        replacing=replace,
        safely=not no_safety_backup,
        confirm=confirm,
    )
    if as_json:
        context.console.json(dataclasses.asdict(imported))
        return
    told = [
        f"{name}: {sum(tables.values())} rows in {len(tables)} tables" for name, tables in imported.databases.items()
    ]
    told += [f"{name}: {files} files" for name, files in imported.media.items()]
    context.console.print(f"https://{env.settings.domain}/ serves {', '.join(told)}")
