"""`bootstrap exec` and `bootstrap run`."""

from __future__ import annotations

from collections.abc import Callable

import click

from bootstrap.cli.context import Context, domain_option, has_terminal, pass_context
from bootstrap.errors import UsageError

# what follows the service is the command's, options too
_COMMAND = {"allow_interspersed_args": False}
_USER = click.option("--user", metavar="NAME", help="Who runs it, a name or an id in the container.")


@click.command("exec", context_settings=_COMMAND, options_metavar="[OPTIONS]")
@domain_option
@_USER
@click.argument("service")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[--] [COMMAND…]")
@click.pass_context
@pass_context
def exec_(
    context: Context,
    ctx: click.Context,
    /,
    domain: str | None,
    user: str | None,
    service: str,
    command: tuple[str, ...],
) -> None:
    """Run a command in a service that runs.

    Without one, it is the container's shell. Options stand before the service. The words after it arrive as they are,
    no shell reads them; the exit code is the command's. There is a terminal where there is one here, so output can go
    into a file and input come from one.

    \b
    bootstrap exec nginx
    bootstrap exec auth-service python manage.py check
    bootstrap exec db -- sh -c 'df -h "$PGDATA"' > usage.txt
    """
    from bootstrap.operations import inside

    ctx.exit(_do(context, domain, inside.execute, service, command or ("sh",), user))


@click.command("run", context_settings=_COMMAND, options_metavar="[OPTIONS]")
@domain_option
@_USER
@click.argument("service")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND…", required=True)
@click.pass_context
@pass_context
def run(
    context: Context,
    ctx: click.Context,
    /,
    domain: str | None,
    user: str | None,
    service: str,
    command: tuple[str, ...],
) -> None:
    """Run a command in a container of its own, made from a service.

    It has the service's image, environment, volumes and networks, publishes no port, starts nothing else, and is gone
    afterwards.

    \b
    bootstrap run auth-service python manage.py shell
    bootstrap run auth-service -- python -m django clearsessions
    """
    from bootstrap.operations import inside

    ctx.exit(_do(context, domain, inside.run_once, service, command, user))


def _do(
    context: Context,
    domain: str | None,
    operation: Callable[..., int],
    service: str,
    command: tuple[str, ...],
    user: str | None,
) -> int:
    from bootstrap.operations.inside import Wanted

    return operation(context.environment(domain), Wanted(service, _words(command), user, has_terminal()))


def _words(command: tuple[str, ...]) -> tuple[str, ...]:
    if command[0] == "--":
        command = command[1:]
        if not command:
            raise UsageError("no command after --", "bootstrap exec SERVICE -- COMMAND…")
    elif command[0].startswith("-"):
        raise UsageError(f"{command[0]} stands after the service", "options before the service, or -- before a command")
    return command
