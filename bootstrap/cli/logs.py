"""`bootstrap logs`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, domain_option, has_terminal, pass_context
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.operations.loglines import Line


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]…")
@domain_option
@click.option("-f", "--follow", is_flag=True, help="Follow: print new lines as they come.")
@click.option("--since", metavar="TIME", help="Only newer lines: 10m, 2h or 2026-01-31T12:00:00.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=200, show_default=True, help="How many lines to start with."
)
@click.option("--grep", metavar="PATTERN", help="Only lines with this extended regular expression; -n counts those.")
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning", "error", "critical"]),
    help="Only lines that are at least so grave.",
)
@click.option("--request", metavar="ID", help="Only lines with this, such as a request's id: through all services.")
@click.option("--before", is_flag=True, help="Of the machines that redeploys replaced, of the last seven days.")
@click.option("--units", is_flag=True, help="The journal of bootstrap's own units: backups, renewal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a line, as lines come.")
@click.pass_context
@pass_context
def logs(
    context: Context,
    ctx: click.Context,
    services: tuple[str, ...],
    domain: str | None,
    follow: bool,
    since: str | None,
    lines: int,
    grep: str | None,
    level: str | None,
    request: str | None,
    before: bool,
    units: bool,
    as_json: bool,
) -> None:
    """Show the logs of services, or of bootstrap's own units.

    Several are merged, each line with the name of its service; without a name, all. A line's level is what it names
    itself (JSON, level=…), else the word that programs write for it. --before needs the recovery key, no droplet.

    \b
    bootstrap logs nginx -f
    bootstrap logs nginx auth-service --grep "500|Traceback" --since 1h
    bootstrap logs --level error --since 1h
    bootstrap logs --request 5f3a9c0e7d21
    bootstrap logs --before app -n 1000
    bootstrap logs --units --since 1h
    bootstrap logs app --json -f | jq -r 'select(.level == "error") | .text'
    """
    from bootstrap.operations import loglines
    from bootstrap.operations import logs as operation

    env = context.environment(domain)
    wanted = operation.Wanted(
        services, follow=follow, since=since, lines=lines, units=units, grep=grep, level=level, request=request
    )
    if before:
        if follow or units:
            raise UsageError("--before is of the stack on machines that are gone", "without --follow and --units")
        for line in operation.before(env, wanted):
            context.console.print(_object(loglines.of_compose(line)) if as_json else line)
        return
    if as_json:
        ctx.exit(operation.told(env, wanted, lambda line: context.console.print(_object(line))))
    ctx.exit(operation.show(env, wanted, terminal=has_terminal()))


def _object(line: Line) -> str:
    # escaped: whatever a service wrote, it is one line for everybody
    return json.dumps(asdict(line))
