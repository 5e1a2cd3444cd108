"""`bootstrap ssh`."""

from __future__ import annotations

import click

from bootstrap.cli.completing import domains
from bootstrap.cli.context import Context, pass_context

_COMMAND = "bootstrap.ssh.command"


class _TwoParts(click.Command):
    """What follows `--` is for the droplet; click would only drop the `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = args[at + 1 :]
        return super().parse_args(ctx, args[:at])


@click.command(cls=_TwoParts, options_metavar="[OPTIONS]")
@click.argument("domain", required=False, shell_complete=domains, metavar="[DOMAIN] [-- COMMAND…]")
@click.pass_context
@pass_context
def ssh(context: Context, ctx: click.Context, /, domain: str | None) -> None:
    """Open a shell on the live droplet, or run one command there.

    The host key is the one pinned on the droplet; the exit code is the command's.

    \b
    bootstrap ssh
    bootstrap ssh example.com -- docker ps
    """
    from bootstrap.deployment.find import find_live
    from bootstrap.deployment.remote import connect

    env = context.environment(domain)
    host = connect(env, find_live(env)[1])
    try:
        code = host.interactive(ctx.meta[_COMMAND])
    finally:
        host.close()
    ctx.exit(code)
