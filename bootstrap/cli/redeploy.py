from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.adapters.console import Console
from bootstrap.cli.completing import images
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context, stack_option

if TYPE_CHECKING:
    from bootstrap.operations.redeploy.run import Replaced


@click.command()
@domain_argument
@click.option(
    "--image",
    "image_id",
    type=int,
    metavar="ID",
    shell_complete=images,
    help="Image to boot; default: the stack's newest.",
)
@click.option(
    "--keep-old", is_flag=True, help="Keep the old droplet, powered off, for a quick rollback. It still costs."
)
@stack_option
@json_option
@pass_context
def redeploy(
    context: Context, domain: str | None, image_id: int | None, keep_old: bool, stack: Path | None, as_json: bool
) -> None:
    """Replace the droplet with a new one from an image.

    New visitors wait until the new droplet answers; the report says how many requests failed and how long one waited at
    most. If anything fails before the reserved IP moves, data volume and traffic go back to the old droplet.
    Interrupted? Run the same command again: it continues.

    \b
    bootstrap redeploy
    bootstrap redeploy example.com --image 12345 --keep-old
    """
    from bootstrap.operations.redeploy.run import redeploy

    show(
        context.console,
        redeploy(context.environment(domain, stack=stack), image_id=image_id, keep_old=keep_old),
        as_json,
    )


def show(console: Console, report: Replaced, as_json: bool) -> None:
    if as_json:
        console.json(asdict(report))
        return
    old, new = report.old, report.new
    console.print(f"https://{report.domain}/ is served by {new.name} ({new.image})")
    if old is not None:
        console.print(f"before: {old.name} ({old.image}), {'kept, powered off' if report.old_kept else 'deleted'}")
    console.print(f"{report.failed} of {report.requests} requests failed; the longest waited {report.longest_s:.1f} s")
    if report.hold_s is not None:
        shares = f"{report.provider_s:.1f} s for the provider, {report.own_s:.1f} s for us"
        foreseen = f"; {report.predicted_hold_s:.0f} s were foreseen" if report.predicted_hold_s else ""
        console.print(f"visitors waited {report.hold_s:.1f} s: {shares}{foreseen}")
    if report.failed:
        console.print(f"outage: {report.outage_s:.1f} s; the first: {report.first_failure}")
    if report.volume_snapshot is not None:
        console.print(f"data before it: volume snapshot {report.volume_snapshot}")
    if report.page:
        console.print(f"its page: {report.page}")
    console.table(("step", "seconds"), [(step, f"{seconds:.1f}") for step, seconds in report.steps.items()])
