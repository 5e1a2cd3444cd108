"""`bootstrap access`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, domain_option, json_option, pass_context
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.deployment.people import PublicKey
    from bootstrap.operations.access import Person

GITHUB = "github:"


@click.group()
def access() -> None:
    """Let people log in to the droplets by their SSH keys, or no longer.

    \b
    bootstrap access add ada.pub
    bootstrap access list
    """


@access.command("list")
@domain_option
@json_option
@pass_context
def list_(context: Context, domain: str | None, as_json: bool) -> None:
    """List whose keys may log in, to the droplet that runs and to later ones.

    \b
    bootstrap access list
    bootstrap access list --json
    """
    from bootstrap.operations import access as operation

    _show(context, operation.listed(context.environment(domain)), as_json)


@access.command()
@click.argument("keys", nargs=-1, required=True, metavar="FILE.pub|github:USER…")
@click.option("--name", help="Whose it is; default: what the key's file says, or the user's name.")
@domain_option
@json_option
@pass_context
def add(context: Context, keys: tuple[str, ...], name: str | None, domain: str | None, as_json: bool) -> None:
    """Let somebody log in, at once and to every later droplet.

    A file with a public key, or all that a user shows at GitHub. Whoever logs in may become root.

    \b
    bootstrap access add ~/ada.pub --name ada
    bootstrap access add github:ada
    """
    from bootstrap.operations import access as operation

    found = [key for one in keys for key in _read(one, name)]
    people = operation.add(context.environment(domain), found)
    _show(context, people, as_json)


@access.command()
@click.argument("who", metavar="NAME|FINGERPRINT")
@domain_option
@json_option
@pass_context
def remove(context: Context, who: str, domain: str | None, as_json: bool) -> None:
    """Let somebody log in no longer, here and to no later droplet.

    Who is logged in stays so until logging out. Whoever was root may know every secret: see `bootstrap env rotate`.

    \b
    bootstrap access remove ada
    bootstrap access remove SHA256:5UqpcTkVL3HKXyJgSp8u8jIHfMqpV7GxJ0nWgvTIYwQ
    """
    from bootstrap.operations import access as operation

    gone = operation.remove(context.environment(domain), who)
    if as_json:
        context.console.json([asdict(one) for one in gone])
        return
    for one in gone:
        context.console.print(f"{one.name} ({one.fingerprint}) may log in no longer")
    context.console.hint("bootstrap env list names the secrets that were within reach, `env rotate` changes them")


def _read(one: str, name: str | None) -> Sequence[PublicKey]:
    from bootstrap.deployment.people import parse

    if one.startswith(GITHUB):
        from bootstrap.adapters.github import keys_of

        user = one.removeprefix(GITHUB)
        return parse(keys_of(user), one, name or f"{user}@github")
    path = Path(one).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{one}: {reason}", "name a .pub file, or github:USER") from None
    return parse(text, path.stem, name)


def _show(context: Context, people: Sequence[Person], as_json: bool) -> None:
    if as_json:
        context.console.json([asdict(one) for one in people])
        return
    rows = [(one.name + (" (you)" if one.own else ""), one.fingerprint, _where(one)) for one in people]
    context.console.table(("who", "key", "may log in to"), rows)


def _where(one: Person) -> str:
    if one.here and one.later:
        return "this droplet and later ones"
    return "this droplet" if one.here else "later ones"
