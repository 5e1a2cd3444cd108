"""The local cloud's own command line; `bootstrap cloud` runs it as a process.

python -m localcloud start|stop|status|reset|console|mail|faults|serve
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from localcloud.api.scopes import READ_ONLY
from localcloud.cli import control
from localcloud.cli import faults as fault_commands
from localcloud.daemon import serve
from localcloud.host.command import CommandError
from localcloud.host.home import Home, LocalCloudError
from localcloud.machines import MachineError
from localcloud.network.range import NetworkError
from localcloud.services.mail import mailbox
from localcloud.services.supervisor import ServiceError


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    home = Home.of_environment()
    try:
        return int(arguments.run(home, arguments) or 0)
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except (MachineError, NetworkError, ServiceError, CommandError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 6
    except PermissionError as error:
        print(f"error: {error.filename} belongs to another user: run as the one who started the cloud", file=sys.stderr)
        return 11
    except OSError as error:
        print(f"error: {error.filename or home.path}: {error.strerror}", file=sys.stderr)
        return 11
    except KeyboardInterrupt:
        print("interrupted: the same command, run again, goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bootstrap cloud", description="A DigitalOcean-compatible cloud on this host."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add(commands, "start", _start, "make the cloud, or boot it again")
    add(commands, "stop", _stop, "power everything off; only the pool and the state stay")
    with_json = add(commands, "status", _status, "what runs")
    with_json.add_argument("--json", action="store_true", help="print JSON")
    with_images = add(commands, "reset", _reset, "delete machines, volumes and state")
    with_images.add_argument("--images", action="store_true", help="baked images too")
    console = add(commands, "console", _console, "what a droplet's console said")
    console.add_argument("name", help="the droplet's name or id")
    console.add_argument("--shell", action="store_true", help="a root shell in it instead")
    with_address = add(commands, "mail", _mail, "what arrived at the mail server")
    with_address.add_argument("--to", metavar="ADDRESS", help="print the newest mail to this address")
    with_address.add_argument("--json", action="store_true", help="print JSON, newest first")
    token = add(commands, "token", _token, "make a token that may not do everything")
    token.add_argument("--scope", action="append", metavar="SCOPE", help="such as droplet:read; default: *:read")
    fault_commands.add_to(commands, add)
    daemon = add(commands, "serve", _serve, "the daemon itself, in the foreground")
    daemon.add_argument("--lock", type=int, help=argparse.SUPPRESS)
    return parser


def add(commands: Any, name: str, run: Any, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(run=run)
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _start(home: Home, _: argparse.Namespace) -> None:
    ends = control.start(home, _say)
    print(f"API       {ends['api']}/v2")
    print(f"DNS       {ends['dns']}")
    print(f"ACME      {ends['acme']['directory']}")
    print(f"Spaces    {ends['spaces']['endpoint']}")
    print(f"registry  {ends['registry_mirror']}")
    if "mail" in ends:  # not in a cloud that an earlier version started
        print(f"inbox     {ends['mail']['inbox']}")
    print(f"token and keys: {home.endpoints}")


def _stop(home: Home, _: argparse.Namespace) -> None:
    control.stop(home, _say)


def _reset(home: Home, arguments: argparse.Namespace) -> None:
    control.reset(home, _say, images=arguments.images)


def _status(home: Home, arguments: argparse.Namespace) -> None:
    known = control.status(home)
    if arguments.json:
        print(json.dumps(known, indent=1))
        return
    print("running" if known["ready"] else "starting" if known["running"] else "not running: bootstrap cloud start")
    for name, address in known.get("endpoints", {}).items():
        print(f"{name:9} {address}")
    for droplet in known.get("droplets", []):
        print(f"droplet   {droplet['name']}  {droplet['status']}  {droplet['ip']}")
    for volume in known.get("volumes", []):
        print(f"volume    {volume['name']}  {'attached' if volume['droplet'] else 'free'}")
    for image in known.get("images", []):
        print(f"image     {image['name']}")


def _console(home: Home, arguments: argparse.Namespace) -> None:
    if arguments.shell:
        argv = control.shell(home, arguments.name)
        os.execvp(argv[0], argv)  # noqa: S606 (no shell is the point)
    with control.console(home, arguments.name).open("rb") as text:
        shutil.copyfileobj(text, sys.stdout.buffer)


def _mail(home: Home, arguments: argparse.Namespace) -> None:
    mails = list(mailbox(home.path).mails(arguments.to))
    if arguments.json:
        print(json.dumps([mail.as_json() for mail in mails], indent=1))
    elif not arguments.to:
        for mail in mails:
            _show(f"{mail.at}  {', '.join(mail.recipients)}  {mail.subject}")
    elif mails:
        newest = mails[0]
        _show(f"from     {newest.sender}\nto       {', '.join(newest.recipients)}\nsubject  {newest.subject}")
        _show(f"at       {newest.at}\n\n{newest.text.rstrip()}")
    else:
        raise LocalCloudError(f"there is no mail to {arguments.to}; without --to, all are listed", 4)


def _token(home: Home, arguments: argparse.Namespace) -> None:
    print(home.limited_token(arguments.scope or READ_ONLY))


def _show(text: str) -> None:
    """A mail is a stranger's text: it must not steer the terminal."""
    print("".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text))


def _serve(home: Home, arguments: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    control.require_root()
    serve(home, arguments.lock)


if __name__ == "__main__":
    sys.exit(main())
