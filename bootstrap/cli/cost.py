"""`bootstrap cost`."""

from __future__ import annotations

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context


@click.command()
@domain_argument
@json_option
@pass_context
def cost(context: Context, domain: str | None, as_json: bool) -> None:
    """Show what the deployment costs a month, item by item.

    As it stands in the account now, in USD without taxes; `bootstrap list` has the sum of each deployment.

    \b
    bootstrap cost
    bootstrap cost example.com --json
    """
    from dataclasses import asdict

    from bootstrap.deployment.cost import most, total
    from bootstrap.operations.costs import items

    found = items(context.environment(domain))
    if as_json:
        sums = {"cost_month_usd": total(found), "cost_month_usd_at_most": most(found)}
        context.console.json({"items": [{**asdict(one), "usd": round(one.usd, 2)} for one in found], **sums})
        return
    rows = [(one.what, f"{one.usd:6.2f}", f"{one.unit}, at most" if one.at_most else one.unit) for one in found]
    last = [("total, without what is at most", total(found)), ("total, at most", most(found))]
    context.console.table(("a month", "USD", "price"), [*rows, *((what, f"{usd:6.2f}", "") for what, usd in last)])
