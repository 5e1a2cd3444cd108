"""Restore: databases and media of the live deployment are replaced by those of a backup."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

import msgspec

from bootstrap.deployment import allowance, gate, recovery, remote, rights
from bootstrap.deployment import find as finding
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import BootstrapError, ConflictError, NotFoundError, UsageError
from bootstrap.operations.backup import BACKUP_S, Backup, stored_backups
from bootstrap.ports.cloud import Droplet
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers, form

LATEST = "latest"


def choose_backup(env: Environment, wanted: str, to: datetime | None = None) -> Backup:
    """Looked for before anything is stopped. `latest` is the newest databases and the newest media: of the two, which
    may be of different backups, the one with databases is told. For a moment, the newest one before it."""
    backups = [backup for backup in stored_backups(env) if to is None or (backup.begins and backup.leads_from < to)]
    found = [backup for backup in backups if wanted in (LATEST, backup.id)]
    if not found:
        what = f"no backup of databases before {to.isoformat()}" if to else "no backup"
        what = what if wanted == LATEST else f"no backup {wanted}"
        raise NotFoundError(
            f"there is {what} of {env.settings.domain} in {env.settings.bucket}", "bootstrap backup list"
        )
    return next((backup for backup in found if backup.databases), found[0])


def order_of(
    env: Environment, backup: Backup, to: datetime | None = None, only: str | None = None
) -> answers.RestoreOrder:
    """What the droplet is told; CredentialsError when the backup's key is not here."""
    if backup.recipient is None and to:
        raise UsageError(f"backup {backup.id} is of version 1, which knows its own moment only", "leave out --to")
    identity = recovery.secret(env.settings.recovery_file, backup.recipient) if backup.recipient else None
    return answers.RestoreOrder(identity, to=to, only=only)


def restore(
    env: Environment,
    wanted: str,
    *,
    to: datetime | None = None,
    only: str | None = None,
    safely: bool = True,
    confirmed: Backup | None = None,
) -> answers.Restored:
    """Returns what the agent restored, after the stack serves again. `confirmed` is the backup that a person agreed to:
    `latest` may be another one by now. `safely`: what is there is backed up first. `to` is a moment to go back to,
    `only` one database or `media`."""
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "restore") as locked:
        chosen = choose_backup(locked, wanted, to)
        if confirmed is not None and (now := chosen) != confirmed:
            raise ConflictError(
                f"{wanted} is no longer backup {confirmed.id}, as was confirmed, but {now.id}: nothing was restored",
                "run it again",
            )
        if locked.recorder:
            locked.recorder.add(backup=chosen.id, to=form.plain(to) if to else None, only=only)
        deployment, live = finding.find_live(locked)
        with closing(remote.connect(locked, live)) as host:
            health = remote.health_paths(host)
            # what is made from here on, the safety backup first of all, is not what was meant
            order = msgspec.structs.replace(order_of(locked, chosen, to, only), newest=stored_backups(locked)[0].id)
            if safely:
                # it takes hours, and would be for nothing
                allowance.check(locked.cloud, "a restore")
                back_up_first(locked, host, "to restore all the same: --no-safety-backup")
            allowance.check(locked.cloud, "a restore")
            restored = _replace_data(locked, host, wanted, order)
        address = deployment.reserved_ip.ip if deployment.reserved_ip else live.public_ip
        if address is not None:
            with locked.progress.step("health from outside"):
                gate.wait_until_healthy(locked, health, address)
        back_up_after(locked, live)
        return restored


def back_up_first(env: Environment, host: Host, otherwise: str) -> None:
    """Before data are replaced; `otherwise` is how to go without."""
    try:
        with env.progress.step("safety backup of what is there"):
            remote.in_turn(env, host, answers.BACKUP_SAFETY, timeout_s=BACKUP_S)
    except BootstrapError as error:
        raise type(error)(f"no safety backup: {error.message}", f"nothing was replaced; {otherwise}") from None


def back_up_after(env: Environment, live: Droplet) -> None:
    """The log goes on from what was restored: a base backup to start it from. The data are back without it."""
    try:
        with env.progress.step("first backup of what was restored"), closing(remote.connect(env, live)) as host:
            remote.agent(host, answers.BACKUP_NOW, timeout_s=BACKUP_S)
    except ConflictError as error:
        # the archiver has found its log without a base
        env.progress.note(f"{error.message}: the droplet backs up by itself what was restored")
    except BootstrapError as error:
        env.progress.warn(f"no backup of what was restored yet: {error.message}; bootstrap backup now")


def _replace_data(env: Environment, host: Host, wanted: str, order: answers.RestoreOrder) -> answers.Restored:
    """A restore that fails leaves the data that were there: they are served again before it is told."""
    try:
        with env.progress.step(f"databases and media of backup {wanted}"):
            return remote.in_turn(env, host, answers.RESTORE, wanted, stdin=order, timeout_s=BACKUP_S)
    finally:
        with env.progress.step("stack up"):
            remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
