"""`bootstrap doctor`."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context

if TYPE_CHECKING:
    from bootstrap.adapters.console import Console
    from bootstrap.operations.doctor.check import CheckResult
    from bootstrap.operations.doctor.patient import Sources

_MARKS = {
    "ok": ("✓", "ok"),
    "warning": ("!", "!"),
    "problem": ("✗", "X"),
    "not checked": ("-", "-"),
    "absent": ("-", "-"),
}


@click.command()
@domain_argument
@json_option
@click.pass_context
@pass_context
def doctor(context: Context, ctx: click.Context, /, domain: str | None, as_json: bool) -> None:
    """Say what is missing: on this computer, in the account, on the deployment.

    Changes nothing. Each line is ok, a warning or a problem; warnings and problems say what to do. A check that could
    not run names the one that must pass first. The exit code is that of the first problem, or 0.

    \b
    bootstrap doctor
    bootstrap doctor example.com --json
    bootstrap --cloud local doctor
    """
    from bootstrap.adapters.computer import ThisComputer
    from bootstrap.operations.doctor import doctor as operation
    from bootstrap.operations.doctor.check import exit_code
    from bootstrap.operations.doctor.patient import Patient

    with context.console.step("checks"):
        findings = operation(Patient(ThisComputer(), _sources(context, domain)))
    code = exit_code(findings)
    if as_json:
        context.console.json({"ok": code == 0, "exit_code": code, "checks": [asdict(finding) for finding in findings]})
    else:
        _print(context, findings)
    ctx.exit(code)


def _sources(context: Context, domain: str | None) -> Sources:
    from bootstrap.cli.places import cloud_home, state_dir
    from bootstrap.errors import NotFoundError
    from bootstrap.operations.doctor.patient import Sources
    from bootstrap.settings import configured_domain, load

    def named() -> str | None:
        try:
            return domain or context.chosen_domain()
        except NotFoundError:
            return None

    def of_file() -> str:
        return domain or configured_domain(context.config, context.over) or "any.example"

    return Sources(
        api_url=lambda: context.endpoints.api,
        cloud=lambda: context.cloud,
        domain=named,
        # of the file alone: a token that is missing is another finding
        settings=lambda given: load(
            context.config, {"domain": given or domain or of_file() or "any.example"}, {}, context.over
        ),
        environment=context.environment,
        state_dir=state_dir(),
        config=context.config,
        local_home=cloud_home() if context.cloud_name == "local" else None,
    )


def _print(context: Context, findings: list[CheckResult]) -> None:
    for group, members in groupby(findings, key=lambda finding: finding.group):
        context.console.print(group)
        _print_group(context.console, list(members))
        context.console.print()
    states = [finding.state for finding in findings]
    context.console.print(f"{states.count('problem')} problem(s), {states.count('warning')} warning(s)")


def _print_group(console: Console, findings: list[CheckResult]) -> None:
    reasons = {(finding.state, finding.text) for finding in findings}
    if len(findings) > 1 and len(reasons) == 1 and findings[0].state == "not checked":
        console.print(f"  {console.mark(*_MARKS['not checked'])} not checked: {findings[0].text}")
        return
    for finding in findings:
        state = "not checked: " if finding.state == "not checked" else ""
        console.print(f"  {console.mark(*_MARKS[finding.state])} {finding.name:<13} {state}{finding.text}")
        if finding.remedy:
            console.print(f"    {'':<13} {console.mark('→', '->')} {finding.remedy}")
