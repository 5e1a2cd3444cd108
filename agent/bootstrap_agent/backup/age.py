"""How old the newest backup is, in one request."""

from __future__ import annotations

from datetime import datetime, timezone

from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract.answers import BackupAge
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.manifest import time_of
from bootstrap_agent.s3.client import QUESTION


def newest(deployment: Deployment) -> BackupAge:
    ids = BackupStore(deployment, patience=QUESTION).manifest_ids()
    if not ids:
        return BackupAge(None, None)
    age = datetime.now(timezone.utc) - time_of(ids[-1])
    return BackupAge(ids[-1], int(age.total_seconds()))
