"""`bootstrap stack`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bootstrap.cli.context import Context, json_option, pass_context
from bootstrap.errors import UsageError


@click.group()
def stack() -> None:
    """Check a stack of your own before it is baked.

    \b
    bootstrap stack check stack
    """


@stack.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@json_option
@pass_context
def check(context: Context, folder: Path, strict: bool, as_json: bool) -> None:
    """Explain what is missing or risky in a stack's folder; nothing is built or started.

    Each line says where, what, and what to do. Errors end with exit code 2.

    \b
    bootstrap stack check stack
    bootstrap stack check ~/my-stack --strict --json
    """
    from bootstrap.settings import compose_files, read
    from bootstrap.settings.parts import one_or_many
    from bootstrap.stack.check import check as operation
    from bootstrap.stack.findings import ERROR

    findings = operation(folder, one_or_many(compose_files(read(context.config), folder)))
    errors = sum(finding.severity == ERROR for finding in findings)
    warnings = len(findings) - errors
    if as_json:
        report = {"errors": errors, "warnings": warnings, "findings": [asdict(finding) for finding in findings]}
        context.console.json(report)
    elif findings:
        for finding in findings:
            context.console.print(finding.line)
    else:
        context.console.print(f"{folder}: nothing to report")
    if errors or (strict and warnings):
        raise UsageError(f"{folder}: {errors} error(s), {warnings} warning(s)", "docs/your-own-stack.md explains them")
