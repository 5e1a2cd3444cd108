"""Restore: databases and media of the live deployment are replaced by those of a backup."""

from __future__ import annotations

from typing import Any

from bootstrap import stack as stacks
from bootstrap.errors import NotFoundError
from bootstrap.operations import find as finding
from bootstrap.operations import gate, remote
from bootstrap.operations.backup import BACKUP_S, Backup, list_backups
from bootstrap.operations.environment import Environment
from bootstrap.operations.redeploy import alone

LATEST = "latest"
STACK_S = 900


def choose_backup(env: Environment, backup_id: str) -> Backup:
    """Looked for before anything is stopped."""
    backups = list_backups(env)
    found = backups[:1] if backup_id == LATEST else [backup for backup in backups if backup.id == backup_id]
    if not found:
        what = "no backup" if backup_id == LATEST else f"no backup {backup_id}"
        raise NotFoundError(
            f"there is {what} of {env.settings.domain} in {env.settings.bucket}", "bootstrap backup list"
        )
    return found[0]


def restore(env: Environment, backup: Backup) -> Any:
    """Returns what the agent restored, after the stack serves again."""
    with alone(env):
        deployment, live = finding.find_live(env)
        host = remote.connect(env, live)
        try:
            with env.progress.step(f"databases and media from backup {backup.id}"):
                restored = remote.agent(host, "restore", backup.id, timeout_s=BACKUP_S)
            with env.progress.step("stack up"):
                remote.agent(host, "stack", "up", timeout_s=STACK_S)
        finally:
            host.close()
        address = deployment.reserved_ip.ip if deployment.reserved_ip else live.public_ip
        if address is not None:
            with env.progress.step("health from outside"):
                gate.wait_until_healthy(env, stacks.load(env.settings.stack).bootstrap.health, address)
        return restored
