"""`bootstrap-agent`: parses, calls one function, prints its answer as JSON. Everything else goes to stderr."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NoReturn

from bootstrap_agent import loading
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import answers, form, paths
from bootstrap_agent.contract.answers import COMMANDS, Command
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError, Cancelled, HostError, RequirementError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.lock import exclusive
from bootstrap_agent.signals import interruptible


class Droplet:
    """What a command may ask about this droplet; read when asked for."""

    @cached_property
    def release(self) -> Release:
        return loading.release()

    @cached_property
    def deployment(self) -> Deployment:
        return loading.deployment()

    @cached_property
    def x_bootstrap(self) -> XBootstrap:
        return loading.x_bootstrap(*(self.release.folder / name for name in self.release.compose_files))

    @cached_property
    def compose(self) -> Compose:
        return Compose(self.release)

    @cached_property
    def environment(self) -> dict[str, str]:
        from bootstrap_agent import secrets

        return secrets.environment(self.release.folder)


Run = Callable[[Droplet, argparse.Namespace], Any]


def info(droplet: Droplet, _: argparse.Namespace) -> answers.Info:
    from bootstrap_agent import cloudinit

    deployment, x = droplet.deployment if paths.DEPLOYMENT.exists() else None, droplet.x_bootstrap
    return answers.Info(droplet.release, deployment, cloudinit.status(), x.health, x.serving, x.databases, x.media)


def volume(droplet: Droplet, options: argparse.Namespace) -> answers.Volume:
    from bootstrap_agent import volume as module

    if options.action == "mount":
        return module.mount(droplet.deployment.volume, droplet.x_bootstrap)
    return module.unmount(droplet.deployment.volume)


def secrets(droplet: Droplet, options: argparse.Namespace) -> answers.Written | answers.Secrets | answers.Kept:
    from bootstrap_agent import secrets as module

    if options.action == "put":
        return module.put(sys.stdin.read(), droplet.release.folder)
    return module.kept() if options.action == "kept" else module.get(droplet.release.folder)


def deployment(droplet: Droplet, _: argparse.Namespace) -> answers.Written:
    from bootstrap_agent import described as module

    return module.put(sys.stdin.read(), droplet.deployment)


def stack(droplet: Droplet, options: argparse.Namespace) -> answers.Services | answers.Changed:
    from bootstrap_agent import stack as module

    if options.action == "change":
        from bootstrap_agent import change

        return change.change(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)
    if options.action == "up":
        return module.up(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)
    if options.action == "complete":
        return module.complete(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)
    return module.down(droplet.x_bootstrap, droplet.compose)


def handover(droplet: Droplet, options: argparse.Namespace) -> answers.HandedOver:
    from bootstrap_agent import handover as module

    d = droplet
    return module.hand_over(float(options.bound), d.deployment, d.x_bootstrap, d.compose, d.environment)


def preflight(droplet: Droplet, options: argparse.Namespace) -> answers.Preflight:
    from bootstrap_agent import preflight as module

    d, order = droplet, form.decode(sys.stdin.read() or "{}", answers.PreflightOrder)
    return module.run(options.volume, order, d.release, d.deployment, d.x_bootstrap, d.compose)


def takeover(droplet: Droplet, _: argparse.Namespace) -> answers.TakenOver:
    from bootstrap_agent import standby as module

    return module.take_over(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)


def standby(droplet: Droplet, options: argparse.Namespace) -> answers.StandingBy:
    from bootstrap_agent import standby as module

    if options.action == "begin":
        return module.begin()
    if options.action == "end":
        return module.end()
    return module.wait(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)


def release(droplet: Droplet, _: argparse.Namespace) -> answers.Released:
    from bootstrap_agent import handover as module

    return module.let_in(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)


def status(droplet: Droplet, _: argparse.Namespace) -> answers.Status:
    from bootstrap_agent import health

    return health.status(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)


def maintenance(droplet: Droplet, options: argparse.Namespace) -> answers.Maintenance:
    from bootstrap_agent import maintenance as module

    if options.action == "serve":
        from bootstrap_agent import unavailable
        from bootstrap_agent.certificate import pair

        unavailable.serve(pair.lineage(droplet.deployment))
        return module.show()
    if options.action == "on":
        d, order = droplet, form.decode(sys.stdin.read() or "{}", answers.MaintenanceOrder)
        return module.on(order, d.release, d.deployment, d.x_bootstrap, d.compose)
    return module.off() if options.action == "off" else module.show()


def certificate(droplet: Droplet, options: argparse.Namespace) -> answers.Ensured:
    from bootstrap_agent.certificate import ensure as module

    run = module.renew if options.action == "renew" else module.ensure
    return run(droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)


def hostkey(_: Droplet, options: argparse.Namespace) -> answers.HostKey:
    from bootstrap_agent import hostkey as module

    return module.rotate() if options.action == "rotate" else module.commit()


def logs(droplet: Droplet, _: argparse.Namespace) -> answers.KeptLogs:
    from bootstrap_agent.backup import logs as module

    return module.keep(droplet.release, droplet.deployment, droplet.compose)


def access(_: Droplet, options: argparse.Namespace) -> answers.Access:
    from bootstrap_agent import access as module

    if options.action == "list":
        return module.listed()
    change = module.add if options.action == "add" else module.remove
    return change(sys.stdin.read())


def backup(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent import history
    from bootstrap_agent.backup import create
    from bootstrap_agent.backup.store import BackupStore
    from bootstrap_agent.contract import manifest

    if options.action == "list":
        return BackupStore(droplet.deployment).manifests()
    if options.action == "prune":
        return _prune(droplet)
    by_itself = options.action in (manifest.DATABASE, manifest.MEDIA)
    kind = options.action if by_itself else manifest.FULL
    d, command = droplet, f"bootstrap-agent backup {options.action}"
    # first of all: Compose and what asks it take 80 MiB, and are gone before a backup needs its own
    droplet.compose.read()
    # `now` and `safety` are a person's, whose computer writes them down
    store = history.store_of(d.deployment) if by_itself else None
    with history.recorded(store, "backup", command, d.release.name) as event:
        made = create.create(kind, d.release, d.deployment, d.x_bootstrap, d.compose, d.environment)
        event.made(made)
    if options.action != answers.BACKUP_SAFETY.words[-1]:
        _prune(droplet)
    return made


def _prune(droplet: Droplet) -> answers.Pruned:
    from bootstrap_agent import history
    from bootstrap_agent.backup import create, logs

    pruned = create.prune(droplet.deployment)
    history.prune(history.store_of(droplet.deployment))
    logs.prune(droplet.deployment)
    return pruned


def restore(droplet: Droplet, options: argparse.Namespace) -> answers.Restored:
    from bootstrap_agent.backup import restore as module

    order = form.decode(sys.stdin.read() or "{}", answers.RestoreOrder)
    return module.restore(options.id, order, droplet.release, droplet.deployment, droplet.x_bootstrap, droplet.compose)


def intake(droplet: Droplet, options: argparse.Namespace) -> answers.Present | answers.Loaded:
    from bootstrap_agent.contract import frames
    from bootstrap_agent.intake import run as module

    taking = module.Intake(droplet.x_bootstrap, droplet.compose, droplet.environment)
    if options.action == "look":
        return taking.look()
    if options.action == "commit":
        return taking.commit(form.decode(sys.stdin.read() or "{}", answers.IntakeOrder))
    # without a buffer: a thread that still waits for more must not keep this process from its end
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
        pieces = frames.unframed(stream)
        return (
            taking.database(options.name, pieces)
            if options.action == "database"
            else taking.media(options.folder, pieces)
        )


def archive(droplet: Droplet, _: argparse.Namespace) -> NoReturn:
    from bootstrap_agent.backup import archive as module

    module.serve(droplet.deployment, droplet.x_bootstrap, droplet.compose, droplet.environment)


def seal(droplet: Droplet, _: argparse.Namespace) -> answers.Sealed:
    from bootstrap_agent import seal as module

    return module.seal(droplet.deployment)


def gate(droplet: Droplet, _: argparse.Namespace) -> answers.Gate:
    from bootstrap_agent import gate as module

    return module.ask(droplet.deployment, droplet.x_bootstrap)


def timers(droplet: Droplet, options: argparse.Namespace) -> answers.Timers:
    from bootstrap_agent import timers as module

    return module.enable(droplet.x_bootstrap) if options.action == "enable" else module.disable()


def mail(droplet: Droplet, options: argparse.Namespace) -> answers.MailServer | answers.MailSent:
    from bootstrap_agent import mail as module

    server, domain = droplet.x_bootstrap.mail, droplet.deployment.domain
    if options.action == "check":
        return module.check(server, droplet.environment, domain)
    return module.send(server, droplet.environment, domain, options.address)


def alerts(droplet: Droplet, options: argparse.Namespace) -> answers.Alerts | answers.AlertsTested:
    from bootstrap_agent.alerts import run as module

    d = droplet
    watched = module.Watched(d.release, d.deployment, d.x_bootstrap, d.compose, d.environment)
    if options.action == "test":
        return module.test(watched)
    return module.check(watched) if options.action == "check" else module.listing(watched)


def series(_: Droplet, __: argparse.Namespace) -> answers.Series:
    from bootstrap_agent.series import keep

    return keep.series()


# in the order of `--help`; each takes the commands of the contract that begin with its name
RUNS: tuple[tuple[Run, str], ...] = (
    (info, "the release, the deployment and how far cloud-init is"),
    (volume, f"the data volume on {paths.DATA}"),
    (secrets, "secrets from stdin, or to stdout"),
    (deployment, "what this droplet serves, from stdin"),
    (stack, "start everything and wait until healthy, or stop it cleanly while visitors wait"),
    (handover, "visitors wait, everything ends and the volume is free; in so many seconds they are let in again"),
    (preflight, "try the release on a copy of the data, which no one sees and nothing leaves"),
    (standby, "wait for the data volume, and take over as soon as it is there"),
    (takeover, "mount the data volume and serve visitors as soon as can be"),
    (release, "let visitors in again, unless the data volume is elsewhere"),
    (status, "services, certificate, backup and volume"),
    (maintenance, "lead visitors to a page that asks them to come again, or let them in"),
    (certificate, "obtain, keep or renew the certificate"),
    (hostkey, "make a new SSH host key, then put it in place"),
    (logs, "keep what the stack said here in Spaces, for seven days"),
    (access, "who may log in: list the keys, or add and remove those on stdin"),
    (backup, "into Spaces"),
    (archive, "PostgreSQL's log into Spaces, until it is ended"),
    (restore, "databases and media from Spaces, by a backup's id or latest; then run `stack up`"),
    (intake, "data of another host beside what is there, then in its place; then run `stack up`"),
    (seal, "no way out of this machine, for ever: a drill's"),
    (gate, "ask the stack's health paths from here"),
    (timers, "backups and certificate renewal by themselves"),
    (mail, "ask the stack's mail server, or send one mail by it"),
    (alerts, "look what is wrong and tell it, list it, or send a test"),
    (series, "disk, memory and requests over the last weeks"),
)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="bootstrap-agent", description="the part of bootstrap that runs on the droplet, as root; answers in JSON"
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for run, help_text in RUNS:
        command = commands.add_parser(run.__name__, help=help_text, description=help_text)
        command.set_defaults(run=run, action=None)
        known = [one for one in COMMANDS.values() if one.words[0] == run.__name__]
        below = None
        for one in known:
            if one.words[1:]:
                below = below or command.add_subparsers(dest="action", required=True, metavar="ACTION")
            parsing = below.add_parser(*one.words[1:]) if below else command
            if one.argument:
                parsing.add_argument(one.argument)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    command = COMMANDS[" ".join(filter(None, (options.command, options.action)))]
    try:
        answer = _run(options, command)
    except BootstrapError as error:
        return _fail(error)
    except KeyboardInterrupt as interrupt:
        return _fail(Cancelled(f"{command.name} was ended by {interrupt or 'a signal'}", "run it again"))
    except OSError as error:
        return _fail(HostError(f"{command.name}: {error}"))
    print(form.encode(answer))
    return 0


def _run(options: argparse.Namespace, command: Command[Any]) -> Any:
    if os.geteuid() != 0:
        raise RequirementError("bootstrap-agent needs root", f"sudo bootstrap-agent {command.name}")
    with interruptible():
        if not command.changes:
            return options.run(Droplet(), options)
        with exclusive(command.name, wait_s=command.patience_s):
            return options.run(Droplet(), options)


def _fail(error: BootstrapError) -> int:
    print(f"error: {' '.join(error.message.split())}", file=sys.stderr)
    if error.remedy:
        print(f"hint: {error.remedy}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
