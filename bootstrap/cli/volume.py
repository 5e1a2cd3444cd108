"""`bootstrap volume`."""

from __future__ import annotations

from dataclasses import asdict

import click

from bootstrap.cli.context import Context, domain_option, json_option, pass_context


@click.group()
def volume() -> None:
    """Let the data volume grow while the site serves.

    \b
    bootstrap volume grow 50
    """


@volume.command()
@click.argument("size_gb", metavar="GIB", type=click.IntRange(1, 16384))
@domain_option
@json_option
@pass_context
def grow(context: Context, size_gb: int, domain: str | None, as_json: bool) -> None:
    """Make the data volume so large, in GiB; nobody waits for it.

    It never gets smaller. `volume_size_gb` in bootstrap.yaml is of new volumes, and changes none that is there.

    \b
    bootstrap volume grow 50
    """
    from bootstrap.operations.volume import grow as operation

    done = operation(context.environment(domain), size_gb)
    if as_json:
        context.console.json(asdict(done))
        return
    context.console.print(
        f"{done.volume}: {done.before_gb} → {done.size_gb} GiB, {done.usable_gb} of them for files; "
        f"${done.usd_more:.2f} a month more"
    )
