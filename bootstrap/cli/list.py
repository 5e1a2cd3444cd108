"""`bootstrap list`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, json_option, pass_context
from bootstrap.cli.status import age

if TYPE_CHECKING:
    from bootstrap.operations.listing import Listed

HEADER = ("domain", "state", "size", "region", "address", "volume", "backup", "a month")


@click.command("list")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """List the deployments of the account, with state, size and cost.

    Nothing is asked of a droplet: `bootstrap status` says how well one is. What a month costs is without taxes, and the
    subscription to Spaces, which is one for all, is counted once.

    \b
    bootstrap list
    bootstrap list --json
    """
    from bootstrap.deployment.cost import SPACES
    from bootstrap.operations.listing import deployments

    found = deployments(context.cloud, context.one_of_all)
    if as_json:
        context.console.json([_json(one) for one in found])
        return
    if not found:
        context.console.hint("no deployment in this account: bootstrap create --domain example.com")
        return
    context.console.table(HEADER, [_row(one) for one in found])
    shared = SPACES * (len(found) - 1) if context.endpoints.spaces_credentials else 0.0
    total = sum(one.cost_month_usd for one in found) - shared
    context.console.print(f"{len(found)} deployment{'s' * (len(found) != 1)}, ${total:.2f} a month")


def _row(one: Listed) -> tuple[str, ...]:
    backup = f"{age(int((datetime.now(timezone.utc) - one.backup_at).total_seconds()))} ago" if one.backup_at else "-"
    volume = f"{one.volume_gb} GiB" if one.volume_gb else "-"
    words = (one.state, one.size or "-", one.region or "-", one.address or "-", volume, backup)
    return (one.domain, *words, f"${one.cost_month_usd:.2f}")


def _json(one: Listed) -> dict[str, object]:
    return asdict(one) | {"backup_at": f"{one.backup_at:%Y-%m-%dT%H:%M:%SZ}" if one.backup_at else None}
