"""`bootstrap tunnel`."""

from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_option, pass_context


@click.command()
@click.argument("what", metavar="[LOCAL:][SERVICE:]PORT")
@domain_option
@click.pass_context
@pass_context
def tunnel(context: Context, ctx: click.Context, /, what: str, domain: str | None) -> None:
    """Reach a port of the droplet, or of a service, on this computer.

    Over SSH, at 127.0.0.1 here, until Ctrl-C. LOCAL is the port here, the same one when it is left out; a service's
    port need not be published.

    \b
    bootstrap tunnel 15672
    bootstrap tunnel db:5432
    bootstrap tunnel 8080:nginx:80
    """
    from bootstrap.operations import tunnel as operation
    from bootstrap_agent.signals import interruptible

    way = operation.parse(what)

    def ready() -> None:
        context.console.hint(f"127.0.0.1:{way.local} is {way.goal}; Ctrl-C ends it")

    # however it is ended, its ssh ends with it
    with interruptible():
        ctx.exit(operation.dig(context.environment(domain), way, ready))
