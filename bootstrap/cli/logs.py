"""`bootstrap logs`."""

from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_option, has_terminal, pass_context


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]…")
@domain_option
@click.option("-f", "--follow", is_flag=True, help="Follow: print new lines as they come.")
@click.option("--since", metavar="TIME", help="Only newer lines: 10m, 2h or 2026-01-31T12:00:00.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=200, show_default=True, help="How many lines to start with."
)
@click.option("--grep", metavar="PATTERN", help="Only lines with this extended regular expression; -n counts those.")
@click.option("--units", is_flag=True, help="The journal of bootstrap's own units: backups, renewal.")
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
    units: bool,
) -> None:
    """Show the logs of services, or of bootstrap's own units.

    Several are merged, each line with the name of its service; without a name, all.

    \b
    bootstrap logs nginx -f
    bootstrap logs nginx auth-service --grep "500|Traceback" --since 1h
    bootstrap logs --units --since 1h
    """
    from bootstrap.operations import logs as operation

    env = context.environment(domain)
    wanted = operation.Wanted(services, follow=follow, since=since, lines=lines, units=units, grep=grep)
    ctx.exit(operation.show(env, wanted, terminal=has_terminal()))
