"""`bootstrap drill`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.context import Context, Moment, domain_argument, json_option, pass_context, recovery_key_option
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.operations.drill.outcome import Outcome
    from bootstrap.operations.drill.plan import Plan


@click.command()
@domain_argument
@click.option("--backup", "backup_id", metavar="ID", help="The backup to restore; default: the newest.")
@click.option("--to", type=Moment(), metavar="TIME", help="A moment to go back to, with its zone.")
@recovery_key_option
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the page goes; default: drill-DOMAIN-TIME.html in this folder.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, print what would exist and its cost.")
@click.option("--yes", is_flag=True, help="Do not ask for the domain's name.")
@json_option
@pass_context
def drill(
    context: Context,
    domain: str | None,
    backup_id: str | None,
    to: datetime | None,
    recovery_key: Path | None,
    report: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Restore a backup onto a throw-away machine, compare it and report.

    The machine has no way out: no visitor, no mail, no ping. The deployment is not touched. In the end the machine is
    deleted, however it ends; what a killed drill left, the next one deletes.

    \b
    bootstrap drill
    bootstrap drill example.com --yes --report drill.html
    bootstrap drill example.com --to '2026-11-24 13:05:00+00:00'
    """
    from bootstrap.operations.drill import plan as planning
    from bootstrap.operations.drill import report as reporting
    from bootstrap.operations.drill.run import drill as operation
    from bootstrap.operations.restore import LATEST
    from bootstrap_agent.signals import interruptible

    if to and backup_id:
        raise UsageError("--to finds its backup by itself", "leave out --backup")
    env = context.environment(domain, recovery_key=recovery_key)
    planned = planning.make(env, backup_id or LATEST, to)
    if not as_json:
        _print_plan(context, env.settings.bucket + "/" + env.settings.prefix, planned)
    if dry_run:
        if as_json:
            context.console.json(_plan_json(planned))
        else:
            context.console.hint("nothing was created; the same line without --dry-run does it")
        return
    if not yes:
        context.console.confirm(env.settings.domain, "make a throw-away machine with a copy of its data")
    # however it ends, its machine is deleted
    with interruptible():
        outcome, error = operation(env, planned)
    page = report or Path(f"drill-{outcome.domain}-{outcome.at:%Y%m%d-%H%M%S}.html")
    page.write_text(reporting.page(outcome), encoding="utf-8")
    if as_json:
        context.console.json(_json(outcome, page))
    else:
        _print(context, outcome, page)
    if error:
        raise error


def _print_plan(context: Context, place: str, planned: Plan) -> None:
    from bootstrap.deployment.cost import total

    made_by = planned.newest.release
    rows = [
        ("backup", f"{planned.newest.id} of {place}, data of {planned.moment:%Y-%m-%d %H:%M:%S} UTC"),
        ("image", planned.image.name + ("" if planned.image.name == made_by else f", as {made_by} is no more")),
        ("machine", f"{planned.size.slug}, volume of {planned.volume_gb} GiB; deleted in the end"),
        ("way out", "to the bucket while it restores, then none"),
    ]
    context.console.table(("what", "how"), rows)
    context.console.print()
    costs = [(item.what, f"{item.usd:7.4f}", item.unit) for item in planned.costs]
    context.console.table(("an hour", "USD", "price"), [*costs, ("total", f"{total(planned.costs):7.2f}", "")])


def _plan_json(planned: Plan) -> dict[str, Any]:
    return {
        "backup": planned.newest.id,
        "moment": planned.moment.isoformat(),
        "image": planned.image.name,
        "size": planned.size.slug,
        "volume_gb": planned.volume_gb,
        "costs_hour_usd": {item.what: round(item.usd, 4) for item in planned.costs},
    }


def _json(outcome: Outcome, page: Path) -> dict[str, Any]:
    told = asdict(outcome) | {"report": str(page)}
    steps = [{"step": text, "seconds": seconds} for text, seconds in outcome.steps]
    return told | {"at": outcome.at.isoformat(), "moment": outcome.moment.isoformat(), "steps": steps}


def _print(context: Context, outcome: Outcome, page: Path) -> None:
    from bootstrap.operations.pages import span

    media = f", media of {outcome.media_backup}" if outcome.media_backup not in (None, outcome.backup) else ""
    context.console.print(f"drill of backup {outcome.backup}{media}: {'passed' if outcome.passed else 'failed'}")
    if outcome.passed:
        context.console.print(
            f"{len(outcome.tables)} tables and {len(outcome.objects)} objects are as the manifest says"
        )
    context.console.print(f"recovery time {span(outcome.rto_s)}, data at risk {span(outcome.rpo_s)} at most")
    context.console.print(f"{span(outcome.seconds)} in all, at {outcome.cost_hour_usd:.2f} USD an hour; report: {page}")
