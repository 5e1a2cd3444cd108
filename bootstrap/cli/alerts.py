"""`bootstrap alerts`."""

from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.group()
def alerts() -> None:
    """Show what the droplet found wrong; test who hears of it.

    \b
    bootstrap alerts list
    bootstrap alerts test
    """


@alerts.command("list")
@domain_argument
@json_option
@pass_context
def listed(context: Context, domain: str | None, as_json: bool) -> None:
    """List what is wrong now, and since when.

    \b
    bootstrap alerts list
    bootstrap alerts list example.com --json
    """
    from bootstrap.operations.alerts import listing
    from bootstrap_agent.contract import form

    found = listing(context.environment(domain))
    if as_json:
        context.console.json(form.plain(found))
        return
    if found.alarms:
        rows = [(f"{alarm.since:%Y-%m-%d %H:%M} UTC", alarm.message) for alarm in found.alarms]
        context.console.table(("since", "what"), rows)
    else:
        checked = f"checked {found.checked_at:%Y-%m-%d %H:%M} UTC" if found.checked_at else "not checked yet"
        context.console.print(f"nothing is wrong, {checked}")
    ways = [f"mail to {found.to}"] * bool(found.to) + ["the ping URL"] * found.pings
    context.console.print(f"told by {' and '.join(ways)}" if ways else "told to nobody but who asks")
    if found.problem:
        context.console.warn(f"{found.unsent} mail(s) wait: {found.problem}")


@alerts.command("test")
@domain_argument
@json_option
@pass_context
def test(context: Context, domain: str | None, as_json: bool) -> None:
    """Send a test alarm from the droplet, by mail, into the chat and to the ping URL.

    \b
    bootstrap alerts test
    bootstrap alerts test example.com --json
    """
    from bootstrap.operations.alerts import send_test
    from bootstrap_agent.contract import form

    done = send_test(context.environment(domain))
    if as_json:
        context.console.json(form.plain(done))
        return
    if done.mail:
        context.console.print(
            f"{done.mail.host} port {done.mail.port} took a mail from {done.mail.sender} to {done.mail.to}"
        )
    if done.chat:
        context.console.print("the chat's webhook took it")
    if done.pinged:
        context.console.print("the ping URL answered")
