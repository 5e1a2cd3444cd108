"""`bootstrap`: the root command, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bootstrap.cli.context import Context
from bootstrap.console import Console
from bootstrap.errors import BootstrapError, UsageError

# name → (where the command is, its line in --help). The lines stand here so that --help imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "stack": ("bootstrap.cli.stack:stack", "Check a stack of your own before it is baked."),
    "image": ("bootstrap.cli.image:image", "Bake droplet images with Packer, list them, prune them."),
    "create": ("bootstrap.cli.create:create", "Create the deployment of a domain, or complete it."),
    "status": ("bootstrap.cli.status:status", "Show what runs, how healthy it is and what it costs."),
    "ssh": ("bootstrap.cli.ssh:ssh", "Open a shell on the live droplet, or run one command there."),
    "logs": ("bootstrap.cli.logs:logs", "Show the logs of a service, or of bootstrap's own units."),
    "redeploy": ("bootstrap.cli.redeploy:redeploy", "Replace the droplet by a new one from an image."),
    "rollback": ("bootstrap.cli.rollback:rollback", "Go back to the release before the last redeploy."),
    "backup": ("bootstrap.cli.backup:backup", "Back up now, or list the backups."),
    "restore": ("bootstrap.cli.restore:restore", "Replace databases and media by those of a backup."),
    "destroy": ("bootstrap.cli.destroy:destroy", "Delete the deployment; data volume and backups stay unless told."),
    "cloud": ("bootstrap.cli.cloud:cloud", "Run the local cloud: a DigitalOcean on this machine."),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"bootstrap {version('bootstrap')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.option(
    "--cloud",
    type=click.Choice(["digitalocean", "local"]),
    default="digitalocean",
    show_default=True,
    envvar="BOOTSTRAP_CLOUD",
    show_envvar=True,
    help="Where to deploy.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("bootstrap.yaml"),
    show_default=True,
    help="Settings; flags win over it.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def root(ctx: click.Context, cloud: str, config: Path) -> None:
    """Put a Docker Compose application on DigitalOcean, safely.

    \b
    bootstrap image build
    bootstrap create --domain example.com
    """
    # the file may be absent under its default name only
    explicit = ctx.get_parameter_source("config") is not click.core.ParameterSource.DEFAULT
    if explicit and not config.exists():
        raise UsageError(f"{config}: there is no such file", "check --config")
    ctx.obj = Context(cloud_name=cloud, config=config, console=Console())


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    console = Console()
    try:
        # without standalone_mode click returns the code of ctx.exit(), or what the command returned
        code = root.main(args=list(argv), prog_name="bootstrap", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except BootstrapError as error:
        console.error(error)
        return error.exit_code
    except click.ClickException as error:
        console.error(_usage(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        console.hint("interrupted: the same command, run again, goes on from here")
        return 130
    except BrokenPipeError:
        # the reader of our answer went away: `bootstrap logs | head`. Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from bootstrap.cli.crash import told

        console.error(told(error))
        return 1


def _usage(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    text = error.format_message().rstrip(".").replace("\n", " ")
    return UsageError(text[:1].lower() + text[1:], f"{ctx.command_path} --help" if ctx else None)


if __name__ == "__main__":
    main()
