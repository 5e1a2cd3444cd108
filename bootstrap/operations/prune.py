"""Old backups go."""

from __future__ import annotations

from contextlib import closing

from bootstrap.deployment import find as finding
from bootstrap.deployment import remote
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.operations.backup import BACKUP_S
from bootstrap_agent.contract import answers


def prune(env: Environment) -> answers.Pruned:
    """The live droplet does it: it knows the rules that it was made with."""
    with alone(env, "backup-prune") as locked:
        _, live = finding.find_live(locked)
        with closing(remote.connect(locked, live)) as host, locked.progress.step("old backups deleted"):
            return remote.in_turn(locked, host, answers.BACKUP_PRUNE, timeout_s=BACKUP_S)
