"""`bootstrap completion`."""

from __future__ import annotations

import click

from bootstrap.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete bootstrap's words.

    Commands, options and choices come from bootstrap itself. Domains and the ids of images are those that earlier
    commands saw in the chosen cloud: TAB asks no network. bash needs version 4.4 or newer.

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
