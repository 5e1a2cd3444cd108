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
    command = [sys.executable, "-m", "bootstrap.localcloud", *argv]
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
