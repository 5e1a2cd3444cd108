"""`bootstrap mail`."""

from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_option, json_option, pass_context


@click.group()
def mail() -> None:
    """Send a test mail from the droplet.

    \b
    bootstrap mail test you@example.com
    """


@mail.command("test")
@click.argument("address")
@domain_option
@json_option
@pass_context
def send(context: Context, address: str, domain: str | None, as_json: bool) -> None:
    """Send one mail to ADDRESS, by the stack's mail server and from its own sender.

    \b
    bootstrap mail test you@example.com
    bootstrap mail test you@example.com --domain example.com --json
    """
    from bootstrap.operations.mail import send_test
    from bootstrap_agent.contract import form

    sent = send_test(context.environment(domain), address)
    if as_json:
        context.console.json(form.plain(sent))
        return
    context.console.print(f"{sent.host} port {sent.port} took a mail from {sent.sender} to {sent.to}")
    context.console.hint("when it does not arrive: its spam folder, then the mail provider's log")
