"""`bootstrap env`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, domain_option, json_option, pass_context
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap_agent.contract.answers import Changed


@click.group()
def env() -> None:
    """Show and change the values of .env.production on the droplet.

    A change needs no new image and no new machine: services that use it are made anew, the others run on. Visitors wait
    meanwhile, a few seconds, unless only services are concerned that none meets. A service that does not come up
    gets the value of before back.

    \b
    bootstrap env list
    bootstrap env set DJANGO_EMAIL_HOST=smtp.example.net
    bootstrap env rotate DB_PASSWORD
    """


@env.command("list")
@domain_option
@click.option("--show", is_flag=True, help="Print the values, too.")
@json_option
@pass_context
def list_(context: Context, domain: str | None, show: bool, as_json: bool) -> None:
    """List the variables, and who gave each its value.

    A value is shown when it is the one of the stack's example, which is public; all with --show.

    \b
    bootstrap env list
    bootstrap env list --show --json
    """
    from bootstrap.operations.variables import listed

    found = listed(context.environment(domain))
    shown = {one.name: one.value if show or one.is_public else None for one in found}
    if as_json:
        context.console.json([{"name": one.name, "origin": one.origin, "value": shown[one.name]} for one in found])
        return
    rows = [(one.name, one.origin, "…" if shown[one.name] is None else one.value) for one in found]
    context.console.table(("name", "origin", "value"), rows)


@env.command()
@click.argument("name")
@domain_option
@json_option
@pass_context
def get(context: Context, name: str, domain: str | None, as_json: bool) -> None:
    """Print the value of one variable, and nothing else.

    \b
    bootstrap env get DJANGO_SUPERUSER_PASSWORD
    """
    from bootstrap.operations.variables import value_of

    value = value_of(context.environment(domain), name)
    context.console.json({"name": name, "value": value}) if as_json else context.console.print(value)


@env.command("set")
@click.argument("words", nargs=-1, required=True, metavar="NAME[=VALUE]…")
@domain_option
@json_option
@pass_context
def set_(context: Context, words: tuple[str, ...], domain: str | None, as_json: bool) -> None:
    """Give variables a value.

    Without =VALUE it is asked for and not shown, or read from standard input: a line of a shell is kept in its history,
    and everybody on the computer can read it meanwhile. A secret of the stack is taken that way only.

    \b
    bootstrap env set DJANGO_EMAIL_HOST=smtp.example.net DJANGO_EMAIL_PORT=2525
    bootstrap env set DJANGO_EMAIL_HOST_PASSWORD
    pass show mail | bootstrap env set DJANGO_EMAIL_HOST_PASSWORD
    """
    from bootstrap.operations import variables

    variables.check_names(dict.fromkeys(word.partition("=")[0] for word in words))
    wanted = context.environment(domain)
    variables.check_public(wanted, [word.partition("=")[0] for word in words if "=" in word])
    silent = [word for word in words if "=" not in word]
    if len(silent) > 1 and not sys.stdin.isatty():
        raise UsageError(f"one value on standard input, and {len(silent)} names", "one command for each")
    values = dict(word.split("=", 1) for word in words if "=" in word) | {name: _asked(name) for name in silent}
    _print(context, variables.change(wanted, values), as_json)


@env.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@domain_option
@json_option
@pass_context
def unset(context: Context, names: tuple[str, ...], domain: str | None, as_json: bool) -> None:
    """Take values out; those of the stack's example take their place.

    \b
    bootstrap env unset DJANGO_EMAIL_HOST
    """
    from bootstrap.operations import variables

    _print(context, variables.change(context.environment(domain), dict.fromkeys(names)), as_json)


@env.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@domain_option
@json_option
@pass_context
def rotate(context: Context, names: tuple[str, ...], domain: str | None, as_json: bool) -> None:
    """Make new secrets in place of those that were generated.

    Data services and their accounts take them first, then whoever logs in there.

    \b
    bootstrap env rotate DB_PASSWORD RABBITMQ_PASSWORD
    """
    from bootstrap.operations import variables

    _print(context, variables.rotate(context.environment(domain), names), as_json)


@env.command()
@domain_option
@json_option
@pass_context
def edit(context: Context, domain: str | None, as_json: bool) -> None:
    """Change all values in your editor.

    The file is yours alone and is gone when the editor has ended: VISUAL, EDITOR or vi.

    \b
    bootstrap env edit
    """
    from bootstrap.operations import variables

    changed = variables.edited(context.environment(domain), _in_editor)
    if changed is None:
        context.console.hint("nothing was changed")
    else:
        _print(context, changed, as_json)


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt(name, hide_input=True, err=True)
        return answer
    # the line's end is the shell's, not the value's
    return sys.stdin.read().removesuffix("\n")


def _in_editor(text: str) -> str:
    import os
    import shlex
    import subprocess
    from pathlib import Path

    from bootstrap.scratch import Scratch
    from bootstrap_agent.contract.paths import ENV_FILE

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with Scratch("env") as folder:
        file = Path(folder) / ENV_FILE
        file.touch(0o600)
        file.write_text(text)
        if (code := subprocess.call([*shlex.split(editor), str(file)])) != 0:
            raise UsageError(f"{editor} ended with {code}: nothing was changed", "set EDITOR")
        return file.read_text()


def _print(context: Context, changed: Changed, as_json: bool) -> None:
    if as_json:
        context.console.json({"services": list(changed.services), "held_s": changed.held_s})
        return
    anew = f"made anew: {', '.join(changed.services)}" if changed.services else "no service uses what changed"
    waited = f"; visitors waited {changed.held_s:.1f} s at most" if changed.held_s is not None else ""
    context.console.print(anew + waited)
