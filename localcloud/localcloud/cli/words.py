"""click as all commands here use it: examples carry the program's name, what is not understood is one line and a hint.
Nothing heavy is imported at the top of `cli/`: `--help` and TAB are quick."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from localcloud.host.program import NAME, program


class Command(click.Command):
    """Its examples are written for `localcloud`."""

    def get_help(self, ctx: click.Context) -> str:
        return re.sub(rf"^( +){NAME} ", rf"\1{program()} ", super().get_help(ctx), flags=re.M)


class Group(Command, click.Group):
    command_class = Command


class OneOf(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases of click only
    """A choice whose values, each with what it means, are imported when they are needed."""

    def __init__(self, name: str, values: Callable[[], Mapping[str, str]]) -> None:
        self.name = name
        self._values = values

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = self._values()
        if value not in known:
            self.fail(f"there is no {self.name} {value}; there are: {', '.join(known)}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        known = self._values().items()
        return [CompletionItem(value, help=about or None) for value, about in known if value.startswith(incomplete)]


def misunderstood(error: click.ClickException) -> str:
    """The error's line, and where to look."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    # releases of click differ in whether and how they say what may have been meant
    text = re.split(r"\.? \(?(?:Did you mean|Possible)", error.format_message().replace("\n", " "))[0]
    lines = [f"error: {text[:1].lower()}{text[1:].rstrip('.')}"]
    if ctx:
        near = _near(error, ctx)
        lines.append(f"hint: {f'did you mean {near}? ' if near else ''}{ctx.command_path} --help")
    return "\n".join(lines)


def _near(error: click.ClickException, ctx: click.Context) -> str | None:
    if isinstance(error, click.NoSuchOption):
        word, known = error.option_name, [name for param in ctx.command.get_params(ctx) for name in param.opts]
    elif isinstance(ctx.command, click.Group) and (quoted := re.findall(r"'([^']*)'", error.message)):
        word, known = quoted[0], ctx.command.list_commands(ctx)
    else:
        return None
    return next(iter(get_close_matches(word, known, 1)), None)
