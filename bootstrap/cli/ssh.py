"""`bootstrap ssh`."""

from __future__ import annotations

import click

from bootstrap.cli.completing import domains
from bootstrap.cli.context import Context, has_terminal, pass_context

_COMMAND = "bootstrap.ssh.command"


class _TwoParts(click.Command):
    """Ours, and a command for the droplet whose words click must not read."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ours, ctx.meta[_COMMAND] = _parts(args)
        return super().parse_args(ctx, ours)


def _parts(args: list[str]) -> tuple[list[str], list[str]]:
    """The command begins after `--`, or at the second word that is no option."""
    named = False
    for n, word in enumerate(args):
        if word == "--":
            return args[:n], args[n + 1 :]
        if not word.startswith("-"):
            if named:
                return args[:n], args[n:]
            named = True
    return args, []


@click.command(cls=_TwoParts, options_metavar="[OPTIONS]")
@click.argument("domain", required=False, shell_complete=domains, metavar="[DOMAIN] [--] [COMMAND…]")
@click.pass_context
@pass_context
def ssh(context: Context, ctx: click.Context, /, domain: str | None) -> None:
    """Open a shell on the live droplet, or run one command there.

    The first word is the domain, unless `--` comes before it. As with ssh, the words after it are joined by spaces and
    read by the droplet's shell: quote what this computer's shell is to leave alone.

    The host key is the one pinned on the droplet; the exit code is the command's.

    \b
    bootstrap ssh
    bootstrap ssh example.com docker ps
    bootstrap ssh example.com 'docker ps | wc -l; uptime'
    bootstrap ssh -- docker ps
    """
    from bootstrap.deployment import remote

    with remote.live(context.environment(domain)) as host:
        code = host.interactive(" ".join(ctx.meta[_COMMAND]), terminal=has_terminal())
    ctx.exit(code)
