"""`localcloud faults`: a client of the running cloud's /_faults, which knows the defaults."""

from __future__ import annotations

import json
from typing import Any

import click

from localcloud.cli.words import Group, OneOf
from localcloud.host.program import program

PATTERNS = ("method", "path", "action", "droplet")


def _kinds() -> dict[str, str]:
    from localcloud.state.faults import KINDS

    return {name: kind.about for name, kind in KINDS.items()}


def _habits() -> dict[str, str]:
    from localcloud.state.unfriendly import HABITS

    return {name: habit.about for name, habit in HABITS.items()}


def _profiles() -> dict[str, str]:
    from localcloud.state.faults import PROFILES

    return dict.fromkeys(PROFILES, "")


@click.group(cls=Group)
def faults() -> None:
    """Make things go wrong, or make them slow.

    \b
    localcloud faults add error-after --method POST --path '/v2/volumes*'
    localcloud faults add stuck-action --action attach_volume
    localcloud faults list
    localcloud faults clear
    """


@faults.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Show the faults that are set, and how often each hit.

    \b
    localcloud faults list
    """
    known = _call("GET", "")
    if as_json:
        click.echo(json.dumps(known, indent=1))
        return
    click.echo(f"latency {known['latency']['profile']}, seed {known['latency']['seed']}")
    for fault in known["faults"]:
        click.echo(_line(fault))


@faults.command()
@click.argument("kind", type=OneOf("fault", _kinds))
@click.option("--method", help="Of the requests: GET, POST, …")
@click.option("--path", help="Of the requests, a pattern: '/v2/droplets*'.")
@click.option("--action", help="Type of the action, a pattern: snapshot, attach, attach_volume, …")
@click.option("--droplet", help="Name of the droplet, a pattern.")
@click.option("--count", type=int, help="How often; 0: every time.  [default: 1]")
@click.option("--skip", type=int, help="How many chances to let pass first.")
@click.option("--seconds", type=float, help="How long, for kinds that last.")
def add(count: int | None, **given: Any) -> None:
    """Set a fault; docs/local-cloud.md lists the kinds.

    \b
    localcloud faults add timeout-after --path /v2/droplets --seconds 5
    localcloud faults add power-cut --droplet 'tickets.test-*'
    """
    body = {name: value for name, value in given.items() if value is not None}
    if count is not None:
        body["count"] = count or None
    click.echo(_line(_call("POST", "", body)["fault"]))


@faults.command()
@click.argument("id", required=False)
def clear(id: str | None) -> None:
    """Take back one fault, or all; what was held goes on.

    \b
    localcloud faults clear
    """
    _call("DELETE", f"/{id}" if id else "")


@faults.command()
@click.argument("profile", type=OneOf("profile", _profiles), metavar="{fast|realistic}")
@click.option("--seed", type=int, help="Of the jitter: the same seed gives the same times.  [default: 1]")
def latency(profile: str, seed: int | None) -> None:
    """Let actions take as long as at DigitalOcean, or no longer than they need.

    \b
    localcloud faults latency realistic
    """
    _call("PUT", "/latency", {"profile": profile, "seed": seed})


@faults.command()
@click.argument("switch", required=False, type=click.Choice(["on", "off"]))
@click.argument("habits", nargs=-1, type=OneOf("habit", _habits), metavar="[NAME]...")
def unfriendly(switch: str | None, habits: tuple[str, ...]) -> None:
    """Show what is unfriendly without being asked, as at DigitalOcean; switch some of it off or on, or all.

    \b
    localcloud faults unfriendly
    localcloud faults unfriendly off late-lists
    """
    if switch:
        _call("PUT", "/unfriendly", {"on": switch == "on", "habits": list(habits)})
    about = _habits()
    for name, on in _call("GET", "/unfriendly")["unfriendly"].items():
        click.echo(f"{'on' if on else 'off':4}{name:16}{about[name]}")


def _line(fault: dict[str, Any]) -> str:
    from localcloud.state.faults import ANY

    narrowed = [f"{name} {fault[name]}" for name in PATTERNS if fault[name] != ANY]
    times = "every time" if fault["count"] is None else f"{fault['count']} time{'s' * (fault['count'] > 1)}"
    after = f" after {fault['skip']}" if fault["skip"] else ""
    long = f", {fault['seconds']:g} s" if fault["seconds"] else ""
    words = [f"{fault['id']:3}", f"{fault['kind']:14}", *narrowed, f"{times}{after}{long}: hit {fault['hits']}"]
    return "  ".join(words)


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    import httpx

    from localcloud.host.home import Home, LocalCloudError

    home = Home.of_environment()
    if not home.endpoints.exists():
        raise LocalCloudError(f"the local cloud does not run: {program()} start", 4)
    ends = home.read_endpoints()
    headers = {"authorization": f"Bearer {ends['token']}"}
    try:
        # no proxy of the environment stands between this computer and itself
        answer = httpx.request(method, f"{ends['api']}/_faults{path}", json=body, headers=headers, trust_env=False)
    except httpx.HTTPError as error:
        raise LocalCloudError(f"{ends['api']} does not answer: {error}", 6) from None
    if answer.status_code == 404:
        raise LocalCloudError(f"no such fault is armed: {program()} faults list", 4)
    if answer.is_error:
        raise LocalCloudError(answer.json()["message"], 2)
    return dict(answer.json()) if answer.content else {}
