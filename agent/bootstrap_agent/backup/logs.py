"""What the stack said on this machine, into the bucket, before the machine goes: encrypted as backups are."""

from __future__ import annotations

from datetime import datetime, timezone

from bootstrap_agent import loading
from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.recipient import recipient_of
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import child
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import keptlogs
from bootstrap_agent.contract.answers import KeptLogs
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.run import note

# the operator's computer reads it without a program
COMPRESS = ("gzip", "--stdout")


def keep(release: Release, deployment: Deployment, compose: Compose) -> KeptLogs:
    """Of all containers there are, also those that have ended. Nothing where there is no bucket."""
    if not loading.has_spaces_key():
        return KeptLogs()
    store = BackupStore(deployment)
    key = keptlogs.key_of(store.prefix, release.name, datetime.now(timezone.utc))
    words = ("logs", "--no-color", "--timestamps")
    with child(lambda errors: compose.popen(*words, stderr=errors), "docker compose logs") as source:
        part = pipeline.send(store, key, source, recipient_of(deployment), compress=COMPRESS)
    prune(deployment)
    return KeptLogs(part.key, part.size)


def prune(deployment: Deployment) -> None:
    """What fails here is tried again after the next backup."""
    if not loading.has_spaces_key():
        return
    try:
        store = BackupStore(deployment)
        store.delete(keptlogs.expired(store.object_keys(keptlogs.FOLDER), datetime.now(timezone.utc)))
    except BootstrapError as error:
        note(f"old logs stay in the bucket: {error.message}")
