"""`bootstrap cloud`: starts the local cloud's own program; nothing here imports it."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click


@click.group()
def cloud() -> None:
    """Run the local cloud: a DigitalOcean on this machine.

    \b
    bootstrap cloud start
    bootstrap --cloud local create --domain tickets.test
    """


def _become(*argv: str) -> NoReturn:
    command = [sys.executable, "-m", "localcloud", *argv]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 (no shell is the point)


@cloud.command()
def start() -> None:
    """Make the cloud, or boot it again; run twice, it changes nothing.

    \b
    bootstrap cloud start
    """
    _become("start")


@cloud.command()
def stop() -> None:
    """Power everything off; only the pool and the state stay.

    \b
    bootstrap cloud stop
    """
    _become("stop")


@cloud.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show what runs.

    \b
    bootstrap cloud status --json
    """
    _become("status", *(["--json"] if as_json else []))


@cloud.command()
@click.option("--images", is_flag=True, help="Delete baked images too.")
def reset(images: bool) -> None:
    """Delete machines, volumes and state; baked images stay unless told.

    \b
    bootstrap cloud reset --images
    """
    _become("reset", *(["--images"] if images else []))


@cloud.command()
@click.argument("name")
@click.option("--shell", is_flag=True, help="Open a root shell in it instead.")
def console(name: str, shell: bool) -> None:
    """Print what a droplet's console said.

    \b
    bootstrap cloud console tickets.test-20260101-120000
    """
    _become("console", name, *(["--shell"] if shell else []))


@cloud.command()
@click.option("--to", metavar="ADDRESS", help="Print the newest mail to this address.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, newest first.")
def mail(to: str | None, as_json: bool) -> None:
    """List the mails that droplets sent; none ever leaves this machine.

    \b
    bootstrap cloud mail
    bootstrap cloud mail --to ada@example.org
    """
    _become("mail", *(["--to", to] if to else []), *(["--json"] if as_json else []))


@cloud.command()
@click.option("--scope", multiple=True, help="Such as droplet:read; may be repeated.  [default: *:read]")
def token(scope: tuple[str, ...]) -> None:
    """Make a token that may not do everything, and print it.

    \b
    bootstrap cloud token
    bootstrap cloud token --scope '*:read' --scope droplet:create
    """
    _become("token", *(word for each in scope for word in ("--scope", each)))


@cloud.group()
def faults() -> None:
    """Make things go wrong, or take their time.

    \b
    bootstrap cloud faults add error-after --method POST --path '/v2/volumes*'
    bootstrap cloud faults add stuck-action --action attach_volume
    bootstrap cloud faults list
    bootstrap cloud faults clear
    """


@faults.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Show what is armed, and how often it hit.

    \b
    bootstrap cloud faults list
    """
    _become("faults", "list", *(["--json"] if as_json else []))


@faults.command()
@click.argument("kind")
@click.option("--method", help="Of the requests: GET, POST, …")
@click.option("--path", help="Of the requests, a pattern: '/v2/droplets*'.")
@click.option("--action", help="Type of the action, a pattern: snapshot, attach, attach_volume, …")
@click.option("--droplet", help="Name of the droplet, a pattern.")
@click.option("--count", type=int, help="How often; 0: every time.  [default: 1]")
@click.option("--skip", type=int, help="How many chances to let pass first.")
@click.option("--seconds", type=float, help="How long, for kinds that last.")
def add(kind: str, **options: str | float | None) -> None:
    """Arm a fault; docs/local-cloud.md lists the kinds.

    \b
    bootstrap cloud faults add timeout-after --path /v2/droplets --seconds 5
    bootstrap cloud faults add power-cut --droplet 'tickets.test-*'
    """
    given = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    _become("faults", "add", kind, *given)


@faults.command()
@click.argument("id", required=False)
def clear(id: str | None) -> None:
    """Disarm one fault, or all; what was held goes on.

    \b
    bootstrap cloud faults clear
    """
    _become("faults", "clear", *([id] if id else []))


@faults.command()
@click.argument("profile", type=click.Choice(["fast", "realistic"]))
@click.option("--seed", type=int, help="Of the jitter: the same seed gives the same times.")
def latency(profile: str, seed: int | None) -> None:
    """Let actions take as long as at DigitalOcean, or no longer than they need.

    \b
    bootstrap cloud faults latency realistic
    """
    _become("faults", "latency", profile, *(["--seed", str(seed)] if seed is not None else []))
