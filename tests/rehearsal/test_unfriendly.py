"""The life of a deployment, each command right after the one before, while the API is as late and as busy as
DigitalOcean's. All rehearsals are like that; this one says that it is."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from localcloud.host.unfriendly import OF_THE_API
from tests.rehearsal.conftest import Bootstrap
from tests.waiting import until

DOMAIN = "unfriendly.example"

pytestmark = pytest.mark.root


def test_a_life_with_late_lists_and_pending_events(hello: Bootstrap, cloud: dict[str, Any]) -> None:
    asked = {"Authorization": f"Bearer {cloud['watcher_token']}"}
    own = {"Authorization": f"Bearer {cloud['token']}"}
    habits = httpx.get(f"{cloud['api']}/_faults/unfriendly", headers=own, trust_env=False)
    assert habits.json()["unfriendly"] == dict.fromkeys(OF_THE_API, True)

    def names(path: str, kind: str) -> list[str]:
        answer = httpx.get(f"{cloud['api']}/v2/{path}?per_page=200", headers=asked, trust_env=False).json()
        return [
            str(item.get("name", item.get("ip")))
            for item in answer[kind]
            if DOMAIN.replace(".", "_") in json.dumps(item)
        ]

    def nothing_is_left() -> None:
        for path, kind in (("droplets", "droplets"), ("volumes", "volumes"), ("tags", "tags")):
            until(lambda path=path, kind=kind: not names(path, kind), f"no {kind} of {DOMAIN}")  # type: ignore[misc]

    hello("create", "--domain", DOMAIN)
    hello("destroy", DOMAIN, "--volume", "--yes")
    nothing_is_left()
    hello("create", "--domain", DOMAIN)
    replaced = hello("redeploy", DOMAIN, "--json").json()
    assert replaced["failed"] == 0
    hello("backup", "now", DOMAIN)
    hello("create", "--domain", DOMAIN)
    assert hello("status", DOMAIN, "--json").json()["healthy"]
    hello("destroy", DOMAIN, "--volume", "--backups", "--yes")
    nothing_is_left()
