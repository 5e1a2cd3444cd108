"""`bootstrap history`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.context import Context, Moment, domain_argument, json_option, pass_context
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.operations.history import Happened

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Since(Moment):
    """A time with its zone, or how long ago."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if ago := re.fullmatch(r"(\d{1,6})([mhdw])", str(value)):
            return datetime.now(timezone.utc) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return super().convert(value, param, ctx)


@click.command()
@domain_argument
@click.option("--since", type=Since(), metavar="TIME", help="Only newer events: 12h, 7d, or a time with its zone.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only these: redeploy, backup, alarm, …; repeat it."
)
@click.option("--show", "shown", metavar="ID|latest", help="One event, with its steps.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --show: write its page here, of a redeploy or a drill.",
)
@json_option
@pass_context
def history(
    context: Context,
    domain: str | None,
    since: datetime | None,
    limit: int,
    kinds: tuple[str, ...],
    shown: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show what happened to the deployment, newest first.

    Commands, from whichever computer, the droplet's own backups, and alarms: kept in the bucket, for 400 days. Without
    a Spaces key it is what was done from this computer.

    \b
    bootstrap history
    bootstrap history example.com --since 7d --kind backup --kind drill
    bootstrap history --show latest --html redeploy.html
    """
    from bootstrap.operations import history as operation

    if html and not shown:
        raise UsageError("--html writes the page of one event", "bootstrap history --show ID --html FILE")
    env = context.environment(domain)
    if shown:
        found = operation.one(env, shown)
        if html:
            html.write_text(operation.page_of(env, found.event), encoding="utf-8")
        _show(context, found, html, as_json)
        return
    events = operation.happened(env, since=since, limit=limit, kinds=kinds)
    if as_json:
        context.console.json([_plain(one) for one in events])
        return
    if not events:
        context.console.print("nothing is known" + (" of that kind or time" if kinds or since else " yet"))
        return
    rows = [
        (
            one.event.id,
            f"{one.event.began:%Y-%m-%d %H:%M:%S}",
            one.event.kind,
            one.state,
            _took(one.seconds),
            one.event.by,
            operation.told(one.event) or "-",
        )
        for one in events
    ]
    context.console.table(("id", "began (UTC)", "what", "outcome", "took", "by", "figures"), rows)


def _show(context: Context, found: Happened, html: Path | None, as_json: bool) -> None:
    from bootstrap.operations.history import told

    event = found.event
    if as_json:
        context.console.json(_plain(found))
        return
    rows = [
        ("what", event.kind),
        ("began", f"{event.began:%Y-%m-%d %H:%M:%S} UTC"),
        ("outcome", f"{found.state}, after {_took(found.seconds)}" if event.ended else found.state),
        ("by", event.by),
        ("command", event.command or "-"),
        ("release", event.image or "-"),
        ("figures", told(event) or "-"),
        ("page", str(html or found.page or "-")),
    ]
    for name, text in rows:
        context.console.print(f"{name:<9} {text}")
    if event.steps:
        context.console.print()
        steps = [(f"{'  ' * step.depth}{step.text}", f"{step.at:.1f}", f"{step.seconds:.1f}") for step in event.steps]
        context.console.table(("step", "began at s", "seconds"), steps)


def _plain(found: Happened) -> dict[str, Any]:
    from bootstrap_agent.contract import form

    return {**form.plain(found.event), "state": found.state, "seconds": found.seconds, "page": found.page}


def _took(seconds: float | None) -> str:
    from bootstrap.operations.pages import span

    return span(seconds) if seconds is not None else "-"
