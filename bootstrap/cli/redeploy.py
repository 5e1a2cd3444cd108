from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.adapters.console import Console
from bootstrap.cli.around import changing
from bootstrap.cli.completing import images
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context, stack_option

if TYPE_CHECKING:
    from bootstrap.deployment.environment import Environment
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
@click.option("--size", help="Size of the new droplet, such as s-4vcpu-8gb; default: the one it has.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and for how long visitors may wait.")
@stack_option
@json_option
@pass_context
def redeploy(
    context: Context,
    domain: str | None,
    image_id: int | None,
    keep_old: bool,
    size: str | None,
    dry_run: bool,
    stack: Path | None,
    as_json: bool,
) -> None:
    """Replace the droplet with a new one from an image.

    New visitors wait until the new droplet answers; the report says how many requests failed and how long one waited at
    most. If anything fails before the reserved IP moves, data volume and traffic go back to the old droplet.
    Interrupted? Run the same command again: it continues.

    \b
    bootstrap redeploy
    bootstrap redeploy example.com --image 12345 --keep-old
    bootstrap redeploy --size s-4vcpu-8gb --dry-run
    """
    from bootstrap.operations.redeploy.run import redeploy

    env = context.environment(domain, stack=stack, size=size)
    if dry_run:
        _foresee(context.console, env, image_id, as_json)
        return
    with changing(context, env.settings, "redeploy") as here:
        report = redeploy(env, image_id=image_id, keep_old=keep_old, resize=size is not None)
        here.know(image=report.new.image, address=report.reserved_ip)
    show(context.console, report, as_json)


def _foresee(console: Console, env: Environment, image_id: int | None, as_json: bool) -> None:
    from bootstrap.operations.redeploy.foresee import foresee

    seen = foresee(env, image_id=image_id)
    if as_json:
        console.json({**asdict(seen), "usd_more": seen.usd_more})
        return
    resized = f"{seen.size} → {seen.new_size}" if seen.new_size != seen.size else f"{seen.size}, as now"
    held = "not known, as none was made from here"
    if seen.holds:
        held = f"some {seen.hold_s:.1f} s, the median of the last {len(seen.holds)}"
    console.table(
        ("what", "how"),
        [
            ("site", f"https://{seen.domain}/ at {seen.reserved_ip or 'no reserved ip'}, which stays"),
            ("droplet", f"{seen.live.name} is replaced by a new one, and deleted"),
            ("image", f"{seen.live.image} → {seen.image} ({seen.image_id})"),
            ("size", resized),
            ("data volume", f"{seen.volume}, {seen.volume_gb} GiB, moves; a snapshot is taken of it before"),
            (
                "cost a month",
                f"{seen.usd_more:+.2f} USD: the droplet {seen.usd_a_month:.2f} → {seen.new_usd_a_month:.2f}",
            ),
            ("visitors wait", f"{held}; at most {seen.hold_bound_s} s"),
        ],
    )
    if seen.interrupted is not None:
        console.print(f"an earlier replacement was interrupted at {seen.interrupted}: it is completed first")
    console.print("nothing was changed")


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
