"""To whom backups are encrypted: the operator's recovery key, whose name came with user-data."""

from __future__ import annotations

from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError


def recipient_of(deployment: Deployment) -> str:
    if deployment.backup.recipient is None:
        raise BackupError(
            "this droplet knows no recovery key to encrypt backups to",
            "bootstrap redeploy brings the operator's to a new one",
        )
    return deployment.backup.recipient
