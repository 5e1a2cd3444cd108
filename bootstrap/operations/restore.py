"""Restore: databases and media of the live deployment are replaced by those of a backup."""

from __future__ import annotations

from contextlib import closing

from bootstrap.deployment import find as finding
from bootstrap.deployment import gate, remote, rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.operations.backup import BACKUP_S, Backup, stored_backups
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers

LATEST = "latest"


def choose_backup(env: Environment, wanted: str) -> Backup:
    """Looked for before anything is stopped. `latest` is the newest databases and the newest media: of the two, which
    may be of different backups, the one with databases is told."""
    backups = stored_backups(env)
    found = [backup for backup in backups if wanted in (LATEST, backup.id)]
    if not found:
        what = "no backup" if wanted == LATEST else f"no backup {wanted}"
        raise NotFoundError(
            f"there is {what} of {env.settings.domain} in {env.settings.bucket}", "bootstrap backup list"
        )
    return next((backup for backup in found if backup.databases), found[0])


def restore(env: Environment, wanted: str, confirmed: Backup | None = None) -> answers.Restored:
    """Returns what the agent restored, after the stack serves again. `confirmed` is the backup that a person agreed to:
    `latest` may be another one by now."""
    rights.check(env.cloud, rights.BACKUP)
    with alone(env, "restore") as locked:
        if confirmed is not None and (now := choose_backup(locked, wanted)) != confirmed:
            raise ConflictError(
                f"{wanted} is no longer backup {confirmed.id}, as was confirmed, but {now.id}: nothing was restored",
                "run it again",
            )
        deployment, live = finding.find_live(locked)
        with closing(remote.connect(locked, live)) as host:
            health = remote.health_paths(host)
            restored = _replace_data(locked, host, wanted)
        address = deployment.reserved_ip.ip if deployment.reserved_ip else live.public_ip
        if address is not None:
            with locked.progress.step("health from outside"):
                gate.wait_until_healthy(locked, health, address)
        return restored


def _replace_data(env: Environment, host: Host, wanted: str) -> answers.Restored:
    """A restore that fails leaves the data that were there: they are served again before it is told."""
    try:
        with env.progress.step(f"databases and media of backup {wanted}"):
            return remote.agent(host, answers.RESTORE, wanted, timeout_s=BACKUP_S)
    finally:
        with env.progress.step("stack up"):
            remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
