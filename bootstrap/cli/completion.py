"""`bootstrap completion`."""

from __future__ import annotations

import click

from bootstrap.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands on TAB in your shell.

    It completes commands, options and choices, and the domains and image ids that earlier commands saw in the chosen
    cloud: TAB never uses the network. Needs bash 4.4 or newer.

    \b
    source <(bootstrap completion bash)     # in ~/.bashrc
    bootstrap completion zsh > "${fpath[1]}/_bootstrap"
    bootstrap completion fish > ~/.config/fish/completions/bootstrap.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"there is no completion for {shell}", "bootstrap completion --help")
    click.echo(kind(ctx.find_root().command, {}, "bootstrap", "_BOOTSTRAP_COMPLETE").source())
