"""`bootstrap`: the root command, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.adapters.console import AUTO, JSON, PLAIN, Console
from bootstrap.cli.context import Context
from bootstrap.errors import BootstrapError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name → (where the command is, its line in --help). The lines stand here so that --help imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("bootstrap.cli.init:init", "Make your repository ready: adopt its stack, write bootstrap.yaml."),
    "stack": ("bootstrap.cli.stack:stack", "Adopt a stack of your own, and check it before it is baked."),
    "image": ("bootstrap.cli.image:image", "Bake droplet images with Packer, list them, delete them."),
    "create": ("bootstrap.cli.create:create", "Create the deployment of a domain, or complete it."),
    "deploy": ("bootstrap.cli.deploy:deploy", "Bring what you have here to the site: image, droplet, settings."),
    "preview": ("bootstrap.cli.preview:preview", "Make throw-away deployments of branches; they end by themselves."),
    "list": ("bootstrap.cli.list:list_", "List the deployments of the account, with state, size and cost."),
    "cost": ("bootstrap.cli.cost:cost", "Show what the deployment costs a month, item by item."),
    "status": ("bootstrap.cli.status:status", "Show what runs, how healthy it is and what it costs."),
    "ssh": ("bootstrap.cli.ssh:ssh", "Open a shell on the live droplet, or run one command there."),
    "access": ("bootstrap.cli.access:access", "Let people log in to the droplets by their SSH keys, or no longer."),
    "exec": ("bootstrap.cli.inside:exec_", "Run a command in a service that runs."),
    "run": ("bootstrap.cli.inside:run", "Run a command in a container of its own, made from a service."),
    "env": ("bootstrap.cli.env:env", "Show and change the values of .env.production on the droplet."),
    "db": ("bootstrap.cli.db:db", "Open psql on a database of the stack, to read unless --write."),
    "tunnel": ("bootstrap.cli.tunnel:tunnel", "Reach a port of the droplet, or of a service, on this computer."),
    "logs": ("bootstrap.cli.logs:logs", "Show the logs of services, or of bootstrap's own units."),
    "maintenance": (
        "bootstrap.cli.maintenance:maintenance",
        "Lead visitors to a page that asks them to come again.",
    ),
    "volume": ("bootstrap.cli.volume:volume", "Let the data volume grow while the site serves."),
    "redeploy": ("bootstrap.cli.redeploy:redeploy", "Replace the droplet with a new one from an image."),
    "rollback": ("bootstrap.cli.rollback:rollback", "Go back to the release before the last redeploy."),
    "backup": ("bootstrap.cli.backup:backup", "Back up now, list, show, verify and copy backups."),
    "restore": ("bootstrap.cli.restore:restore", "Replace databases and media with those of a backup."),
    "import": ("bootstrap.cli.import_:import_", "Take a dump or files of another host onto a new deployment."),
    "drill": ("bootstrap.cli.drill:drill", "Restore a backup onto a throw-away machine, compare it and report."),
    "history": ("bootstrap.cli.history:history", "Show what happened to the deployment, newest first."),
    "report": ("bootstrap.cli.report:report", "Make one HTML page of how the deployment is, and was."),
    "mail": ("bootstrap.cli.mail:mail", "Send a test mail from the droplet."),
    "alerts": ("bootstrap.cli.alerts:alerts", "Show what the droplet found wrong; test who hears of it."),
    "audit": ("bootstrap.cli.audit:audit", "Check how well the deployment is hardened."),
    "destroy": ("bootstrap.cli.destroy:destroy", "Delete the deployment; keep its data volume and backups by default."),
    "doctor": (
        "bootstrap.cli.doctor:doctor",
        "Say what is missing: on this computer, in the account, on the deployment.",
    ),
    "cloud": ("bootstrap.cli.cloud:cloud", "Run the local cloud: a DigitalOcean on this machine."),
    "completion": (
        "bootstrap.cli.completion:completion",
        "Print the script that completes commands on TAB in your shell.",
    ),
}
# what follows these is run on the droplet
ELSEWHERE = ("ssh", "exec", "run", "db")


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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """click would import every command for its line."""
        from click.shell_completion import CompletionItem

        items = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items() if name.startswith(incomplete)]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]


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
    help="File with the settings; flags win over it.",
)
@click.option(
    "-e",
    "--environment",
    metavar="NAME",
    envvar="BOOTSTRAP_ENVIRONMENT",
    show_envvar=True,
    help="Read bootstrap.NAME.yaml over bootstrap.yaml, such as staging.",
)
@click.option(
    "--progress",
    type=click.Choice([AUTO, PLAIN, JSON]),
    default=AUTO,
    show_default=True,
    envvar="BOOTSTRAP_PROGRESS",
    show_envvar=True,
    help="Progress on stderr: a live line on a terminal, plain lines, or one JSON object a line.",
)
@click.option(
    "--debug",
    is_flag=True,
    envvar="BOOTSTRAP_DEBUG",
    show_envvar=True,
    help="When a program that bootstrap ran fails, show it as one line to paste into a shell.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def root(ctx: click.Context, cloud: str, config: Path, environment: str | None, progress: str, debug: bool) -> None:
    """Put a Docker Compose application on DigitalOcean, safely.

    \b
    bootstrap image build
    bootstrap create --domain example.com
    """
    # the file may be absent under its default name only
    explicit = ctx.get_parameter_source("config") is not click.core.ParameterSource.DEFAULT
    if explicit and not config.exists():
        raise UsageError(f"{config}: there is no such file", "check --config")
    console = ctx.ensure_object(Console)
    console.progress(progress)
    console.debug = debug
    over = _of_environment(config, environment) if environment else None
    command = partial(_command, console.words)
    ctx.obj = Context(cloud_name=cloud, config=config, console=console, over=over, command=command)


def _of_environment(config: Path, name: str) -> Path:
    from bootstrap.settings.layers import of_environment

    return of_environment(config, name)


def _command(words: Sequence[str]) -> str:
    """No secret belongs on a command line; one that is there goes no further, and no value of a variable does."""
    import shlex

    from bootstrap.cli.crash import redact

    told = [word.partition("=")[0] + "=…" if "=" in word and "env" in words else word for word in words]
    return redact(shlex.join(["bootstrap", *told]))


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    console = Console()
    console.words = tuple(argv)
    as_json = "--json" in _own_words(argv)
    try:
        # without standalone_mode click returns the code of ctx.exit(), or what the command returned
        code = root.main(args=list(argv), prog_name="bootstrap", standalone_mode=False, obj=console)
        console.total()
        return code if isinstance(code, int) else 0
    except BootstrapError as error:
        console.error(error, as_json)
        _show_command(console, error)
        return error.exit_code
    except click.ClickException as error:
        console.error(_usage(error), as_json)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        console.hint("interrupted: run the same command again to continue")
        return 130
    except BrokenPipeError:
        # the reader of our answer went away: `bootstrap logs | head`. Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from bootstrap.cli.crash import reported

        console.error(reported(error), as_json)
        _show_command(console, error)
        return 1


def _own_words(argv: Sequence[str]) -> Sequence[str]:
    """Without the command for a droplet: what follows `--`, or a word that has no --json of its own."""
    end = argv.index("--") if "--" in argv else len(argv)
    command = next((n for n, word in enumerate(argv[:end]) if word in COMMANDS), end)
    return argv[:command] if command < end and argv[command] in ELSEWHERE else argv[:end]


def _show_command(console: Console, error: BaseException) -> None:
    if not console.debug:
        return
    from bootstrap.adapters.process import failed_command
    from bootstrap.cli.crash import redact

    if line := failed_command(error):
        console.command(redact(line))


def _usage(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    text = (
        error.format_message().replace("\n", " ").partition(" Did you mean")[0].partition(" (Possible")[0].rstrip(".")
    )
    meant = _meant(error, ctx)
    help_command = f"{ctx.command_path} --help" if ctx else None
    return UsageError(text[:1].lower() + text[1:], f"did you mean {meant}? {help_command}" if meant else help_command)


def _meant(error: click.ClickException, ctx: click.Context | None) -> str | None:
    """The nearest word there is. Releases of click differ in whether and how they say it."""
    from difflib import get_close_matches

    if isinstance(error, click.NoSuchOption):
        known = [name for one in ctx.command.get_params(ctx) for name in one.opts] if ctx else []
        near = get_close_matches(error.option_name, known, 1)
    elif ctx is not None and isinstance(ctx.command, click.Group) and "o such command" in str(error):
        words = re.findall(r"'([^']*)'", error.message)
        near = get_close_matches(words[0], ctx.command.list_commands(ctx), 1) if words else []
    else:
        return None
    return near[0] if near else None


if __name__ == "__main__":
    main()
