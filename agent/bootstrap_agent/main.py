"""`bootstrap-agent`: parses, calls one function, prints its answer as JSON. Everything else goes to stderr."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from bootstrap_agent import facts as facts_file
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BootstrapError, Cancelled, HostError, RequirementError
from bootstrap_agent.deployment import Deployment, Release, load_deployment, load_release
from bootstrap_agent.facts import Facts
from bootstrap_agent.lock import exclusive
from bootstrap_agent.run import interruptible


class Droplet:
    """What a command may ask about this droplet; read when asked for."""

    @cached_property
    def release(self) -> Release:
        return load_release()

    @cached_property
    def deployment(self) -> Deployment:
        return load_deployment()

    @cached_property
    def facts(self) -> Facts:
        return facts_file.load(self.release.stack_dir / self.release.compose_file)

    @cached_property
    def compose(self) -> Compose:
        return Compose(self.release)

    @cached_property
    def environment(self) -> dict[str, str]:
        from bootstrap_agent import secrets

        return secrets.environment(self.release.stack_dir)


Command = Callable[[Droplet, argparse.Namespace], Any]


def info(droplet: Droplet, _: argparse.Namespace) -> Any:
    from bootstrap_agent import cloudinit
    from bootstrap_agent.deployment import ETC

    deployment = droplet.deployment.raw if (ETC / "deployment.json").exists() else None
    return {
        "release": droplet.release.raw,
        "deployment": deployment,
        "cloud_init": cloudinit.status(),
        "health": list(droplet.facts.health),
    }


def volume(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent import volume as module

    if options.action == "mount":
        return module.mount(droplet.deployment.volume, droplet.facts)
    return module.unmount(droplet.deployment.volume)


def secrets(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent import secrets as module

    if options.action == "put":
        return module.put(sys.stdin.read(), droplet.release.stack_dir)
    return module.get(droplet.release.stack_dir)


def stack(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent import stack as module

    if options.action == "up":
        return module.up(droplet.release, droplet.deployment, droplet.facts, droplet.compose)
    return module.down(droplet.facts, droplet.compose)


def status(droplet: Droplet, _: argparse.Namespace) -> Any:
    from bootstrap_agent import health

    return health.status(droplet.release, droplet.deployment, droplet.facts, droplet.compose)


def certificate(droplet: Droplet, _: argparse.Namespace) -> Any:
    from bootstrap_agent import certificate as module

    return module.ensure(droplet.release, droplet.deployment, droplet.facts, droplet.compose)


def hostkey(_: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent import hostkey as module

    return module.rotate() if options.action == "rotate" else module.commit()


def backup(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent.backup import create, manifest
    from bootstrap_agent.backup.store import Store

    if options.action == "list":
        return [json.loads(found.render()) for found in Store(droplet.deployment).manifests()]
    if options.action == "prune":
        return create.prune(droplet.deployment)
    kind = {"now": manifest.FULL}.get(options.action, options.action)
    made = create.create(kind, droplet.release, droplet.deployment, droplet.facts, droplet.compose, droplet.environment)
    create.prune(droplet.deployment)
    return json.loads(made.render())


def restore(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent.backup import restore as module

    return module.restore(options.id, droplet.deployment, droplet.facts, droplet.compose, droplet.environment)


def timers(droplet: Droplet, options: argparse.Namespace) -> Any:
    from bootstrap_agent import timers as module

    return module.enable(droplet.facts) if options.action == "enable" else module.disable()


READ_ONLY = {("info", None), ("status", None), ("secrets", "get"), ("backup", "list")}


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="bootstrap-agent", description="the part of bootstrap that runs on the droplet, as root; answers in JSON"
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(run: Command, help_text: str, *actions: str) -> argparse.ArgumentParser:
        command = commands.add_parser(run.__name__, help=help_text, description=help_text)
        command.set_defaults(run=run, action=None)
        if actions:
            command.add_argument("action", choices=actions)
        return command

    add(info, "the release, the deployment and how far cloud-init is")
    add(volume, "the data volume on /srv/data", "mount", "unmount")
    add(secrets, "secrets from stdin, or to stdout", "put", "get")
    add(stack, "start everything and wait until healthy, or stop it cleanly while visitors wait", "up", "down")
    add(status, "services, certificate, backup and volume")
    add(certificate, "obtain, keep or renew the certificate", "ensure", "renew")
    add(hostkey, "make a new SSH host key, then put it in place", "rotate", "commit")
    add(backup, "into Spaces", "now", "database", "media", "list", "prune")
    add(restore, "databases and media from Spaces; then run `stack up`").add_argument(
        "id", help="a backup's id, or latest"
    )
    add(timers, "backups and certificate renewal by themselves", "enable", "disable")
    return root


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    name = " ".join(filter(None, (options.command, options.action)))
    try:
        answer = _run(options, name)
    except BootstrapError as error:
        return _fail(error)
    except KeyboardInterrupt as interrupt:
        return _fail(Cancelled(f"{name} was ended by {interrupt or 'a signal'}", "run it again"))
    except OSError as error:
        return _fail(HostError(f"{name}: {error}"))
    print(json.dumps(answer))
    return 0


def _run(options: argparse.Namespace, name: str) -> Any:
    if os.geteuid() != 0:
        raise RequirementError("bootstrap-agent needs root", f"sudo bootstrap-agent {name}")
    with interruptible():
        if (options.command, options.action) in READ_ONLY:
            return options.run(Droplet(), options)
        with exclusive(name):
            return options.run(Droplet(), options)


def _fail(error: BootstrapError) -> int:
    print(f"error: {' '.join(error.message.split())}", file=sys.stderr)
    if error.remedy:
        print(f"hint: {error.remedy}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
