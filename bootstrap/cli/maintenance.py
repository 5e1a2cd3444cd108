"""`bootstrap maintenance`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap_agent.contract.answers import Maintenance


@click.group()
def maintenance() -> None:
    """Lead visitors to a page that asks them to come again.

    The stack runs on untouched; whoever is let through meets it. A reboot and a redeploy keep the site in maintenance.

    \b
    bootstrap maintenance on
    bootstrap maintenance off
    """


@maintenance.command()
@domain_argument
@click.option("--allow", multiple=True, metavar="NETWORK", help="Who meets the stack beside you; may be repeated.")
@click.option(
    "--retry-after",
    "retry_after_s",
    type=click.IntRange(1, 86400),
    default=300,
    show_default=True,
    help="Seconds after which visitors and bots are asked to come again.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="HTML to show; default: the stack's maintenance.html, else one of ours.",
)
@json_option
@pass_context
def on(
    context: Context, domain: str | None, allow: tuple[str, ...], retry_after_s: int, page: Path | None, as_json: bool
) -> None:
    """Answer every visitor with 503, Retry-After and the page.

    You are let through, by the address that you have for the droplet. Given again, it lets one more computer through.

    \b
    bootstrap maintenance on
    bootstrap maintenance on --allow 203.0.113.0/24 --retry-after 1800
    bootstrap maintenance on --page back-soon.html
    """
    from bootstrap.operations.maintenance import on as operation

    try:
        text = page.read_text() if page else None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--page {page}: {reason}", "name a file with HTML") from None
    env = context.environment(domain)
    _print(context, operation(env, allow=allow, retry_after_s=retry_after_s, page=text), as_json)


@maintenance.command()
@domain_argument
@json_option
@pass_context
def off(context: Context, domain: str | None, as_json: bool) -> None:
    """Let visitors in again.

    \b
    bootstrap maintenance off
    """
    from bootstrap.operations.maintenance import off as operation

    _print(context, operation(context.environment(domain)), as_json)


@maintenance.command()
@domain_argument
@json_option
@pass_context
def show(context: Context, domain: str | None, as_json: bool) -> None:
    """Say whether visitors come in, and who does.

    \b
    bootstrap maintenance show
    """
    from bootstrap.operations.maintenance import show as operation

    _print(context, operation(context.environment(domain)), as_json)


def _print(context: Context, now: Maintenance, as_json: bool) -> None:
    from bootstrap_agent.contract import form

    if as_json:
        context.console.json(form.plain(now))
    elif now.since is None:
        context.console.print("visitors come in")
    else:
        let_in = ", ".join(now.allow) or "nobody"
        context.console.print(f"in maintenance since {now.since:%Y-%m-%d %H:%M} UTC; let through: {let_in}")
        context.console.hint("bootstrap maintenance off lets visitors in")
