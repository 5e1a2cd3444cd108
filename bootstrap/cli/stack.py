"""`bootstrap stack`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.context import Context, json_option, pass_context
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.stack.adopt.adoption import Adopted


@click.group()
def stack() -> None:
    """Adopt a stack of your own, and check it before it is baked.

    \b
    bootstrap stack adopt
    bootstrap stack check stack
    """


file_option = click.option(
    "-f", "--file", "named", multiple=True, metavar="FILE", help="A Compose file, named from DIR on; may be repeated."
)


@stack.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@file_option
@json_option
@pass_context
def adopt(context: Context, folder: Path, named: tuple[str, ...], as_json: bool) -> None:
    """Write compose.bootstrap.yaml: what a droplet needs beyond your own Compose files, which stay as they are.

    It says what it decided, and what is left to you. Called again, it adds what is new and keeps what you changed.

    \b
    bootstrap stack adopt
    bootstrap stack adopt ~/shop -f compose.yaml -f compose.production.yaml
    """
    made = adopted(folder, named)
    context.console.json(plain(made)) if as_json else tell(context, made)


def adopted(folder: Path, named: tuple[str, ...]) -> Adopted:
    from bootstrap.stack.adopt.adoption import adopt as operation
    from bootstrap.stack.files import VARIABLE
    from bootstrap_agent.contract.release import SEPARATOR

    # Compose's own variable, which a person may have set for this very repository
    told = named or tuple(name for name in os.environ.get(VARIABLE, "").split(SEPARATOR) if name)
    made = operation(folder, told)
    made.write()
    return made


def plain(made: Adopted) -> dict[str, object]:
    """For scripts."""
    return {
        "folder": str(made.folder),
        "files": [*made.files, made.override],
        "decided": [{"where": one.name, "why": one.why} for one in made.new],
        "variables": [one.name for one in made.added],
        "left": [asdict(one) for one in made.left],
    }


def tell(context: Context, made: Adopted) -> None:
    from bootstrap_agent.contract.paths import ENV_EXAMPLE

    for one in made.new:
        context.console.print(f"decided: {one.name}{one.why and f': {one.why}'}")
    for told_one in made.left:
        context.console.print(f"left to you: {told_one}")
    written = f"{made.folder / made.override} and {ENV_EXAMPLE}" if made.new or made.added else "nothing new"
    context.console.print(
        f"{written}: {len(made.new)} decided, {len(made.left)} left to you; your files are as they were"
    )


@stack.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--fix", is_flag=True, help="First write what adopting would: bootstrap stack adopt DIR.")
@json_option
@pass_context
def check(context: Context, folder: Path, strict: bool, fix: bool, as_json: bool) -> None:
    """Explain what is missing or risky in a stack's folder; nothing is built or started.

    Each line says where, what, and what to do. Errors end with exit code 2.

    \b
    bootstrap stack check stack
    bootstrap stack check ~/my-stack --strict --json
    """
    from bootstrap.adapters.compose import refusal
    from bootstrap.settings import compose_files, layers
    from bootstrap.settings.parts import one_or_many
    from bootstrap.stack.check import check as operation
    from bootstrap.stack.check import memory
    from bootstrap.stack.findings import ERROR, grouped

    if fix:
        from bootstrap.stack.adopt.adoption import adopt as adoption

        adoption(folder).write()
    named = one_or_many(compose_files(layers.read_over(context.config, context.over), folder))
    findings, wanted = operation(folder, named, refusal), memory(folder, named)
    errors = sum(finding.severity == ERROR for finding in findings)
    warnings = len(findings) - errors
    if as_json:
        report = {"errors": errors, "warnings": warnings, "findings": [asdict(finding) for finding in findings]}
        context.console.json({**report, "memory": wanted})
    elif findings:
        for finding in grouped(findings):
            context.console.print(finding.line)
    else:
        context.console.print(f"{folder}: nothing to report")
    if not as_json:
        _tell_memory(context, wanted)
    if errors or (strict and warnings):
        raise UsageError(f"{folder}: {errors} error(s), {warnings} warning(s)", "docs/your-own-stack.md explains them")


def _tell_memory(context: Context, wanted: dict[str, Any]) -> None:
    free = wanted["without_limit"]
    parts = [f"limits add up to {wanted['limits_mib']} MiB"] * bool(wanted["limits_mib"])
    parts += [f"no limit: {', '.join(free)}, each may take all there is"] * bool(free)
    if parts:
        context.console.hint(f"memory: {'; '.join(parts)}")
