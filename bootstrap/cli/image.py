"""`bootstrap image`: build, list, show, prune, delete."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli import completing
from bootstrap.cli.around import PRE_BUILD, Around, facts
from bootstrap.cli.context import Context, json_option, pass_context, stack_option
from bootstrap.cli.workshop import workshop

if TYPE_CHECKING:
    from bootstrap.images.bake import Baked
    from bootstrap.images.bases import Choice
    from bootstrap.ports.cloud import Image


@click.group()
def image() -> None:
    """Bake droplet images with Packer, list them, delete them."""


@image.command()
@click.option("--region", help="Region of the build and of the droplets made from it.")
@click.option(
    "--size",
    default="s-2vcpu-2gb",
    show_default=True,
    help="Size of the build's droplet; later ones need at least its disk.",
)
@stack_option
@click.option("--if-changed", is_flag=True, help="Build only when something that goes into the image has changed.")
@click.option(
    "--base",
    type=click.Choice(["auto", "new", "none"]),
    default="auto",
    show_default=True,
    help="What to start from: auto, the prepared base (system, Docker, agent), made when there is none of the last "
    "7 days; new, one of now; none, the provider's own image.",
)
@json_option
@pass_context
def build(
    context: Context,
    region: str | None,
    size: str,
    stack: Path | None,
    if_changed: bool,
    base: Choice,
    as_json: bool,
) -> None:
    """Bake an image: Docker, every container image of the stack, the agent.

    \b
    bootstrap image build
    bootstrap image build --if-changed --region fra1
    bootstrap image build --base new
    """
    from bootstrap.images import bake as operation

    # an image belongs to no domain, the settings do
    settings = context.settings("any.example", region=region, stack=stack)
    shop = workshop(context, settings)
    Around(context, settings, facts(context, settings, "image build")).before(PRE_BUILD)
    built = operation.build(
        shop,
        settings.stack,
        settings.compose_files,
        region=settings.region,
        size=size,
        if_changed=if_changed,
        base=base,
    )
    if as_json:
        context.console.json({**_plain(built.image), "built": built.seconds is not None, "seconds": built.seconds})
    elif built.seconds is None:
        context.console.print(f"{built.image.id} {built.image.name}: nothing has changed since it was built")
    else:
        size_gb = f"{built.image.size_gb:.2f} GB"
        context.console.print(f"{built.image.id} {built.image.name}: {size_gb}, built in {built.seconds:.0f} s")


@image.command("list")
@json_option
@pass_context
def list_(context: Context, as_json: bool) -> None:
    """List the baked images, newest first.

    \b
    bootstrap image list
    bootstrap image list --json
    """
    from bootstrap.images import bases
    from bootstrap.images.bake import baked

    items = baked(context.cloud)
    completing.remember(context.cloud_name, images=[(str(item.image.id), item.image.name) for item in items])
    if as_json:
        context.console.json([_described(item) for item in items])
        return
    if not items:
        context.console.hint("there is no image yet: bootstrap image build")
        return
    rows = [
        (i.image.id, i.image.name, _text(i.image.created_at), f"{i.image.size_gb:.2f}", " ".join(i.used_by) or "-")
        for i in items
    ]
    context.console.table(("id", "name", "built", "GB", "used by"), rows)
    for base in bases.all_of(context.cloud):
        context.console.hint(f"prepared base {base.id} {bases.described(base)}")


@image.command()
@click.argument("image_id", metavar="ID", type=int, shell_complete=completing.images)
@json_option
@pass_context
def show(context: Context, image_id: int, as_json: bool) -> None:
    """Show one baked image.

    \b
    bootstrap image show 1234567
    """
    from bootstrap.images.bake import find

    described = _described(find(context.cloud, image_id))
    if as_json:
        context.console.json(described)
        return
    for name, value in described.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        context.console.print(f"{name:<12} {text or '-'}")


@image.command()
@click.option(
    "--keep", type=click.IntRange(min=1), default=3, show_default=True, help="How many images of each stack to keep."
)
@json_option
@pass_context
def prune(context: Context, keep: int, as_json: bool) -> None:
    """Delete old images, but none that a droplet was made from, and prepared bases that no bake starts from any more.

    \b
    bootstrap image prune --keep 3
    """
    from bootstrap.images.bake import prune as operation

    deleted = operation(context.cloud, context.console, keep)
    if as_json:
        context.console.json([_plain(item) for item in deleted])
    else:
        context.console.print(f"{len(deleted)} deleted")


@image.command()
@click.argument("ids", metavar="ID…", type=int, nargs=-1, required=True, shell_complete=completing.images)
@json_option
@pass_context
def delete(context: Context, ids: tuple[int, ...], as_json: bool) -> None:
    """Delete images, or prepared bases, by their ids; none that a droplet was made from.

    \b
    bootstrap image delete 1234567
    bootstrap image delete 1234567 1234568
    """
    from bootstrap.images.bake import delete as operation

    deleted = operation(context.cloud, context.console, ids)
    if as_json:
        context.console.json([_plain(item) for item in deleted])
    else:
        context.console.print(f"{len(deleted)} deleted")


def _plain(item: Image) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "built_at": _text(item.created_at),
        "size_gb": item.size_gb,
        "min_disk_gb": item.min_disk_gb,
        "regions": list(item.regions),
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _described(item: Baked) -> dict[str, Any]:
    return {**_plain(item.image), "stack": item.stack, "git": item.git, "used_by": list(item.used_by)}
