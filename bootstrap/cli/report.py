"""`bootstrap report`."""

from __future__ import annotations

from pathlib import Path

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.command()
@domain_argument
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the page goes; default: report-DOMAIN-TIME.html in this folder.",
)
@json_option
@pass_context
def report(context: Context, domain: str | None, html: Path | None, as_json: bool) -> None:
    """Make one HTML page of how the deployment is, and was.

    State, backups and drills as a calendar, certificate, disk, memory and requests over the last weeks, alarms, and
    what happened. What nobody can be asked for, as when the droplet is down, is left out and said so.

    \b
    bootstrap report
    bootstrap report example.com --html report.html
    """
    from bootstrap.operations.report.gather import gather
    from bootstrap.operations.report.page import page

    found = gather(context.environment(domain))
    path = html or Path(f"report-{found.domain}-{found.at:%Y%m%d-%H%M%S}.html")
    path.write_text(page(found), encoding="utf-8")
    without = len(found.calendar.without)
    if as_json:
        told = {"domain": found.domain, "page": str(path), "days_without_backup": without, "problems": found.problems}
        context.console.json({**told, "status": found.now})
        return
    for part, problem in found.problems.items():
        context.console.warn(f"{part}: {problem}")
    context.console.print(f"{found.domain}: {path}")
