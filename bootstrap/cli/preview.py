"""`bootstrap preview`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli import completing
from bootstrap.cli.around import changing
from bootstrap.cli.context import Context, Moment, json_option, pass_context, stack_option
from bootstrap.errors import BootstrapError, UsageError

if TYPE_CHECKING:
    from bootstrap.deployment.environment import Environment
    from bootstrap.operations.previews import Preview


@click.group()
def preview() -> None:
    """Make throw-away deployments of branches; they end by themselves.

    \b
    bootstrap preview create feature/login --ttl 2d
    bootstrap preview prune
    """


@preview.command()
@click.argument("branch")
@click.option("--ttl", metavar="TIME", help="How long it lives: 30m, 12h, 2d or 1w; default: that of bootstrap.yaml.")
@click.option(
    "--image", type=int, shell_complete=completing.images, help="A baked image's id; default: the newest one that fits."
)
@stack_option
@json_option
@pass_context
def create(
    context: Context, branch: str, ttl: str | None, image: int | None, stack: Path | None, as_json: bool
) -> None:
    """Make the preview of a branch, or bring the newest image to the one that is there.

    Its name is the branch's below `preview.domain` of bootstrap.yaml, its record in the zone that is there. It has no
    backups, sends no mail, and tells nobody when it is ill. Run again, it lives from then on anew.

    \b
    bootstrap image build --if-changed
    bootstrap preview create feature/login
    bootstrap preview create "$CI_COMMIT_BRANCH" --ttl 12h --json
    """
    from bootstrap.operations import previews

    env = _of(context, branch, image=image, stack=stack)
    assert env.settings.preview is not None, "or there is no domain"
    lives = _ttl(ttl or env.settings.preview.ttl)
    with changing(context, env.settings, "preview create"):
        made = previews.create(env, lives, datetime.now(timezone.utc).replace(microsecond=0))
    completing.remember_domain(context.cloud_name, made.domain)
    if as_json:
        context.console.json({**_json(made), "url": f"https://{made.domain}/"})
        return
    context.console.print(f"https://{made.domain}/ is there until {made.until:%Y-%m-%d %H:%M} UTC")
    context.console.print(f"${made.cost_month_usd:.2f} a month, so ${made.cost_usd:.2f} until then")
    context.console.hint("bootstrap preview prune deletes those whose time is over: run it from a schedule")


@preview.command("list")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """List the previews, until when they live and what they cost.

    \b
    bootstrap preview list
    """
    from bootstrap.operations.previews import listed

    now = datetime.now(timezone.utc)
    found = listed(context.cloud, context.one_of_all, _below(context), now)
    if as_json:
        context.console.json([{**_json(one), "over": one.is_over(now)} for one in found])
        return
    if not found:
        context.console.hint("no preview: bootstrap preview create BRANCH")
        return
    header = ("preview", "state", "until (UTC)", "a month", "until then")
    context.console.table(header, [_row(one, now) for one in found])
    total = sum(one.cost_month_usd for one in found)
    context.console.print(f"{len(found)} preview{'s' * (len(found) != 1)}, ${total:.2f} a month")


@preview.command()
@click.argument("branch")
@json_option
@pass_context
def delete(context: Context, branch: str, as_json: bool) -> None:
    """Delete the preview of a branch, with its data.

    \b
    bootstrap preview delete feature/login
    """
    from bootstrap.operations import previews

    env = _of(context, branch)
    previews.delete(env)
    completing.remember_domain(context.cloud_name, env.settings.domain, gone=True)
    _gone(context, [env.settings.domain], as_json)


@preview.command()
@click.option("--now", type=Moment(), metavar="TIME", help="Take this for the present, to end what lives longer.")
@json_option
@pass_context
def prune(context: Context, now: datetime | None, as_json: bool) -> None:
    """Delete the previews whose time is over.

    One that cannot be deleted keeps none of the others; the command fails in the end, and is run again.

    \b
    bootstrap preview prune
    """
    from bootstrap.operations import previews

    failed: list[BootstrapError] = []

    def tell(error: BootstrapError) -> None:
        failed.append(error)
        context.console.warn(error.message)

    present = now or datetime.now(timezone.utc)
    gone = previews.prune(context.cloud, context.one_of_all, _below(context), present, tell)
    for one in gone:
        completing.remember_domain(context.cloud_name, one.domain, gone=True)
    if failed:
        raise failed[0]
    _gone(context, [one.domain for one in gone], as_json)


def _of(context: Context, branch: str, **flags: object) -> Environment:
    from bootstrap.operations.previews import domain_of

    return context.environment_of(context.settings(domain_of(_below(context), branch), **flags))


def _below(context: Context) -> str:
    """What previews' names end with, of the project and whatever is deployed of it."""
    from bootstrap.settings import configured_domain

    of_file = configured_domain(context.config, context.over)
    if (named := context.settings(of_file or "any.example").preview) is None:
        raise UsageError("no domain for previews", "`preview: {domain: preview.example.com}` in bootstrap.yaml")
    return named.domain


def _ttl(text: str) -> timedelta:
    from bootstrap.settings.parts import LIFETIME, lifetime

    if not re.fullmatch(LIFETIME, text):
        raise UsageError(f"--ttl: {text!r} is no time such as 30m, 12h, 2d or 1w")
    return lifetime(text)


def _gone(context: Context, domains: list[str], as_json: bool) -> None:
    if as_json:
        context.console.json({"deleted": domains})
        return
    for domain in domains:
        context.console.print(f"{domain} is gone")
    if not domains:
        context.console.print("no preview's time is over")


def _json(one: Preview) -> dict[str, object]:
    return {
        "domain": one.domain,
        "state": one.state,
        "until": f"{one.until:%Y-%m-%dT%H:%M:%SZ}",
        "cost_month_usd": one.cost_month_usd,
        "cost_until_then_usd": one.cost_usd,
    }


def _row(one: Preview, now: datetime) -> tuple[str, ...]:
    until = f"{one.until:%Y-%m-%d %H:%M}" + (", over" if one.is_over(now) else "")
    return one.domain, one.state, until, f"${one.cost_month_usd:.2f}", f"${one.cost_usd:.2f}"
