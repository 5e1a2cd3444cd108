"""The life of a deployment while the API is as late and as busy as DigitalOcean's: what the other rehearsals have
switched off (conftest.py says why). apt, the provider's agent and its automount are at work in all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.rehearsal.conftest import Bootstrap
from tests.waiting import until

DOMAIN = "unfriendly.example"

pytestmark = pytest.mark.root


@pytest.fixture
def unfriendly(bootstrap: Bootstrap, hello_image: dict[str, Any]) -> Iterator[None]:
    bootstrap("cloud", "faults", "unfriendly", "on")
    yield
    bootstrap("cloud", "faults", "unfriendly", "off")


def test_a_life_with_late_lists_and_pending_events(hello: Bootstrap, cloud: dict[str, Any], unfriendly: None) -> None:
    def names(path: str, kind: str) -> list[str]:
        asked = {"Authorization": f"Bearer {cloud['watcher_token']}"}
        answer = httpx.get(f"{cloud['api']}/v2/{path}?per_page=200", headers=asked, trust_env=False).json()
        return [
            str(item.get("name", item.get("ip")))
            for item in answer[kind]
            if DOMAIN.replace(".", "_") in json.dumps(item)
        ]

    hello("create", "--domain", DOMAIN)
    replaced = hello("redeploy", DOMAIN, "--json").json()
    assert replaced["failed"] == 0
    hello("backup", "now", DOMAIN)
    hello("create", "--domain", DOMAIN)
    assert hello("status", DOMAIN, "--json").json()["healthy"]
    hello("destroy", DOMAIN, "--volume", "--backups", "--yes")
    for path, kind in (("droplets", "droplets"), ("volumes", "volumes"), ("tags", "tags")):
        until(lambda path=path, kind=kind: not names(path, kind), f"no {kind} of {DOMAIN}")
