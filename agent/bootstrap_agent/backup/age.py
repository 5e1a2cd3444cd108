"""How old the newest backup is, in one request."""

from __future__ import annotations

from datetime import datetime, timezone

from bootstrap_agent.backup.manifest import time_of
from bootstrap_agent.backup.store import Store
from bootstrap_agent.deployment import Deployment


def newest(deployment: Deployment) -> dict[str, object]:
    ids = Store(deployment, patient=False).manifest_ids()
    if not ids:
        return {"last": None, "age_s": None}
    age = datetime.now(timezone.utc) - time_of(ids[-1])
    return {"last": ids[-1], "age_s": int(age.total_seconds())}
