"""`localcloud`: parse, call one function, print. Every option stands here and in `faults.py`, and nowhere else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from localcloud.cli.faults import faults
from localcloud.cli.words import Group, misunderstood
from localcloud.host.program import program

if TYPE_CHECKING:
    from localcloud.host.home import Home

COMPLETE = "_LOCALCLOUD_COMPLETE"
MISUNDERSTOOD, NOT_FOUND, FAILED, HOST_LACKS, INTERRUPTED = 2, 4, 6, 11, 130


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code; an error is one line on stderr."""
    try:
        # without standalone_mode click returns the code of ctx.exit(), or what the command returned
        args = None if argv is None else list(argv)
        code = root.main(args=args, prog_name=program(), complete_var=COMPLETE, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        if error.exit_code == MISUNDERSTOOD and type(error).__name__ == "NoArgsIsHelpError":
            _say(error.format_message())  # the help, in releases of click that take no word at all for an error
        else:
            _say(misunderstood(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted: the same command, run again, goes on from here")
        return INTERRUPTED
    except Exception as error:
        line, code = _expected(error)
        _say(f"error: {line}")
        return code


def _expected(error: Exception) -> tuple[str, int]:
    """The line and the exit code of what may go wrong; all else is a defect of ours and is raised again."""
    from localcloud.host.command import CommandError
    from localcloud.host.home import LocalCloudError
    from localcloud.machines import MachineError
    from localcloud.network.range import NetworkError
    from localcloud.services.supervisor import ServiceError

    if isinstance(error, LocalCloudError):
        return str(error), error.code
    if isinstance(error, (MachineError, NetworkError, ServiceError, CommandError)):
        return str(error), FAILED
    if isinstance(error, PermissionError):
        return f"{error.filename} belongs to another user: run as the one who started the cloud", HOST_LACKS
    if isinstance(error, OSError):
        return f"{error.filename or _home().path}: {error.strerror}", HOST_LACKS
    raise error


def _home() -> Home:
    from localcloud.host.home import Home

    return Home.of_environment()


def _say(text: str) -> None:
    click.echo(text, err=True)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"localcloud {version('localcloud')}")
        ctx.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def root() -> None:
    """Run the local cloud: a DigitalOcean on this machine.

    It needs root on Linux. BOOTSTRAP_CLOUD_HOME is the folder of one cloud (default: /var/lib/bootstrap-cloud).

    \b
    localcloud start
    localcloud status
    """


root.add_command(faults)


def _kinds(_: click.Context, option: click.Parameter, text: str | None) -> frozenset[str] | None:
    from localcloud.host.unfriendly import chosen

    try:
        return None if text is None else chosen(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param=option) from None


@root.command()
@click.option("--friendly", metavar="LIST", callback=_kinds, help="Switch off: apt,late-lists …; or all, or none.")
def start(friendly: frozenset[str] | None) -> None:
    """Make the cloud, or boot it again; run twice, it changes nothing.

    \b
    localcloud start
    localcloud start --friendly apt,agent
    """
    from localcloud.cli import control

    home = _home()
    ends = control.start(home, _say, friendly)
    click.echo(f"API       {ends['api']}/v2")
    click.echo(f"DNS       {ends['dns']}")
    click.echo(f"ACME      {ends['acme']['directory']}")
    click.echo(f"Spaces    {ends['spaces']['endpoint']}")
    click.echo(f"registry  {ends['registry_mirror']}")
    if "mail" in ends:  # not in a cloud that an earlier version started
        click.echo(f"inbox     {ends['mail']['inbox']}")
    click.echo(f"token and keys: {home.endpoints}")


@root.command()
def stop() -> None:
    """Power everything off; only the pool and the state stay.

    \b
    localcloud stop
    """
    from localcloud.cli import control

    control.stop(_home(), _say)


@root.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show what runs.

    \b
    localcloud status --json
    """
    from localcloud.cli import look

    known = look.status(_home())
    if as_json:
        click.echo(json.dumps(known, indent=1))
        return
    state = "running" if known["ready"] else "starting" if known["running"] else f"not running: {program()} start"
    click.echo(state)
    for name, address in known.get("endpoints", {}).items():
        click.echo(f"{name:9} {address}")
    for droplet in known.get("droplets", []):
        click.echo(f"droplet   {droplet['name']}  {droplet['status']}  {droplet['ip']}")
    for volume in known.get("volumes", []):
        click.echo(f"volume    {volume['name']}  {'attached' if volume['droplet'] else 'free'}")
    for image in known.get("images", []):
        click.echo(f"image     {image['name']}")


@root.command()
@click.option("--images", is_flag=True, help="Delete baked images too.")
def reset(images: bool) -> None:
    """Delete machines, volumes and state; keep baked images.

    \b
    localcloud reset
    localcloud reset --images
    """
    from localcloud.cli import control

    control.reset(_home(), _say, images=images)


@root.command()
@click.argument("name")
@click.option("--shell", is_flag=True, help="Open a root shell in it instead.")
def console(name: str, shell: bool) -> None:
    """Print what a droplet's console said; NAME is its name or id.

    \b
    localcloud console tickets.test-20260101-120000
    """
    import shutil

    from localcloud.cli import look

    if shell:
        argv = look.shell(_home(), name)
        os.execvp(argv[0], argv)  # noqa: S606 (no shell is the point)
    with look.console(_home(), name).open("rb") as text:
        shutil.copyfileobj(text, sys.stdout.buffer)


@root.command()
@click.option("--to", metavar="ADDRESS", help="Print the newest mail to this address.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, newest first.")
def mail(to: str | None, as_json: bool) -> None:
    """List the mails that droplets sent; none ever leaves this machine.

    \b
    localcloud mail
    localcloud mail --to ada@example.org
    """
    from localcloud.host.home import LocalCloudError
    from localcloud.services.mail import mailbox

    mails = list(mailbox(_home().path).mails(to))
    if as_json:
        click.echo(json.dumps([mail.as_json() for mail in mails], indent=1))
    elif not to:
        for mail in mails:
            _show(f"{mail.at}  {', '.join(mail.recipients)}  {mail.subject}")
    elif mails:
        newest = mails[0]
        _show(f"from     {newest.sender}\nto       {', '.join(newest.recipients)}\nsubject  {newest.subject}")
        _show(f"at       {newest.at}\n\n{newest.text.rstrip()}")
    else:
        raise LocalCloudError(f"there is no mail to {to}; without --to, all are listed", NOT_FOUND)


def _show(text: str) -> None:
    """A mail is a stranger's text: it must not steer the terminal."""
    click.echo("".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text))


@root.command()
@click.option(
    "--scope", "scopes", multiple=True, help="Such as droplet:read; may be given several times.  [default: *:read]"
)
def token(scopes: tuple[str, ...]) -> None:
    """Make a token with fewer rights, and print it.

    \b
    localcloud token
    localcloud token --scope '*:read' --scope droplet:create
    """
    from localcloud.api.scopes import READ_ONLY

    click.echo(_home().limited_token(scopes or READ_ONLY))


@root.command(hidden=True)
@click.option("--lock", type=int, hidden=True)
def serve(lock: int | None) -> None:
    """Be the daemon, in the foreground: `start` runs this, and has taken the lock for it."""
    import logging

    from localcloud.cli import control
    from localcloud.daemon import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # it tells every request; whoever asks here tells what went wrong
    logging.getLogger("httpx").setLevel(logging.WARNING)
    control.require_root()
    serve(_home(), lock)


if __name__ == "__main__":
    sys.exit(main())
