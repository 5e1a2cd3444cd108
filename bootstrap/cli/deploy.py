"""`bootstrap deploy`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.adapters.console import Console
from bootstrap.cli import completing
from bootstrap.cli.around import PRE_BUILD, PRE_DEPLOY, around, deployed
from bootstrap.cli.context import Context, domain_argument, json_option, pass_context, stack_option
from bootstrap.cli.workshop import workshop

if TYPE_CHECKING:
    from bootstrap.operations.deploy.foresee import Foreseen
    from bootstrap.operations.deploy.run import Deployed
    from bootstrap.ports.cloud import Image

# of a list that a person reads
FILES_SHOWN = 20


@click.command()
@domain_argument
@click.option(
    "--keep-old", is_flag=True, help="Keep the old droplet, powered off, for a quick rollback. It still costs."
)
@click.option(
    "--build-size",
    default="s-2vcpu-2gb",
    show_default=True,
    help="Size of the droplet that bakes; the site's needs at least its disk.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change: files, image, settings, cost.")
@stack_option
@json_option
@pass_context
def deploy(
    context: Context,
    domain: str | None,
    keep_old: bool,
    build_size: str,
    dry_run: bool,
    stack: Path | None,
    as_json: bool,
) -> None:
    """Bring what you have here to the site: image, droplet, settings.

    An image is baked when stack, agent or template differ from what went into the newest; then the droplet is replaced
    as `redeploy` does it, pre-flight first. Where that very image serves already, only names, records, certificate and
    values follow the settings. Where nothing is deployed yet, it is created. Nothing is asked, so that it runs in CI.
    Interrupted? Run the same command again: it continues.

    \b
    bootstrap deploy
    bootstrap deploy example.com --dry-run
    bootstrap --progress plain deploy --json
    """
    env = context.environment(domain, stack=stack)
    if dry_run:
        from bootstrap.adapters.checkout import checkout
        from bootstrap.operations.deploy.foresee import foresee

        _show_foreseen(context.console, foresee(env, checkout()), as_json)
        return
    from bootstrap.operations.deploy.run import deploy as operation

    with around(context, env.settings, "deploy") as here:

        def ready(image: Image) -> None:
            here.know(image=image.name)
            here.before(PRE_DEPLOY)

        here.before(PRE_BUILD)
        shop, attended = workshop(context, env.settings), sys.stdin.isatty()
        done = operation(env, shop, build_size=build_size, keep_old=keep_old, attended=attended, ready=ready)
        here.know(address=done.address)
    deployed(here)
    completing.remember_domain(context.cloud_name, env.settings.domain)
    _show(context.console, done, as_json)


def _show(console: Console, done: Deployed, as_json: bool) -> None:
    if as_json:
        image = {"id": done.image.id, "name": done.image.name, "built": done.baked_s is not None}
        console.json(
            {
                "domain": done.domain,
                "url": f"https://{done.domain}/",
                "reserved_ip": done.address,
                "way": done.way,
                "image": {**image, "seconds": done.baked_s, "why": done.why, "files": done.files},
                "redeploy": asdict(done.replaced) if done.replaced else None,
            }
        )
        return
    baked = f"baked in {done.baked_s:.0f} s" if done.baked_s is not None else "as it was"
    console.print(f"image {done.image.name}, {baked}: {done.why}")
    if done.replaced is not None:
        from bootstrap.cli.redeploy import show

        show(console, done.replaced, as_json=False)
        return
    console.print(f"https://{done.domain}/ is served from it, as the settings say")
    if done.way == "complete":
        console.hint(f"nothing to replace; bootstrap redeploy {done.domain} makes a new droplet all the same")


def _show_foreseen(console: Console, seen: Foreseen, as_json: bool) -> None:
    if as_json:
        console.json(asdict(seen))
        return
    changes = seen.changes
    rows = [
        ("site", f"https://{seen.domain}/, {_WAYS[seen.way]}"),
        ("image", f"{seen.image or 'a new one'}: {seen.why}"),
        *(("runs now", image) for image in [seen.runs] if image),
        *(("setting", one) for one in changes.settings),
        *(("variable", f"{one} changes") for one in changes.variables),
        *(("settings", f"not known, as the droplet was not reached: {one}") for one in [changes.unknown] if one),
        ("cost a month", f"{seen.usd_a_month:.2f} USD, {_more(seen)}"),
    ]
    if seen.replacement is not None:
        one = seen.replacement
        held = f"some {one.hold_s:.1f} s" if one.holds else "not known, as none was made from here"
        rows.append(("visitors wait", f"{held}; at most {one.hold_bound_s} s"))
    console.table(("what", "how"), rows)
    for name in seen.files[:FILES_SHOWN]:
        console.print(f"  {name}")
    if len(seen.files) > FILES_SHOWN:
        console.print(f"  and {len(seen.files) - FILES_SHOWN} more")
    console.print("nothing was changed")


_WAYS = {
    "create": "which is created",
    "redeploy": "whose droplet is replaced",
    "complete": "whose droplet stays: names, records, certificate and values follow the settings",
}


def _more(seen: Foreseen) -> str:
    image = f", of which {seen.image_usd:.2f} are for one more image" if seen.image_usd else ""
    return f"{seen.usd_more:+.2f}{image}"
