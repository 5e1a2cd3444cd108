"""Tokens that may not do everything: the scopes are those of DigitalOcean's document."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.errors import CredentialsError
from localcloud.api.app import MODULES
from localcloud.api.scopes import needed
from tests.contract.api.conftest import TOKEN, Cloud
from tests.contract.api.documented import documented

# several at once, or a verb of their own: nothing of ours uses them, and the simple rule is kept simple
OTHERS = ("destroy_with_associated_resources", "account_transfer", "/projects/")


def test_every_route_needs_what_the_document_says() -> None:
    known = documented()
    ours = {(method, re.sub(r"\{.*?\}", "x", path)) for module in MODULES for method, path, _ in module.ROUTES}
    compared = {
        route: (needed(*route), known[route])
        for route in sorted(ours & known.keys())
        if known[route] and not any(part in route[1] for part in OTHERS)
    }
    assert len(compared) > 60
    assert {
        route: pair for route, pair in compared.items() if sorted(map(sorted, pair[0])) != sorted(map(sorted, pair[1]))
    } == {}


@pytest.mark.parametrize(
    ("body", "scope"),
    [
        ({"resources": [{"resource_type": "droplet", "resource_id": "1"}]}, "droplet:update"),
        ({"resources": [{"resource_type": "image", "resource_id": "1"}]}, "image:update"),
        ({"resources": [{"resource_type": "volume", "resource_id": "1"}]}, "block_storage:update"),
        ({"resources": [{"resource_type": ["droplet"]}, None]}, None),
        ({"resources": "all"}, None),
    ],
)
def test_who_tags_changes_what_is_tagged(cloud: Cloud, body: dict[str, Any], scope: str | None) -> None:
    cloud.tokens |= {"tagger": ["tag:create"], "both": ["tag:create", scope or "none"]}

    def status(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return requests.post(f"{cloud.url}/v2/tags/x/resources", json=body, headers=headers, timeout=10).status_code

    # 404: authorised, and there is no such tag
    assert (status("tagger"), status("both")) == (403 if scope else 404, 404)


def test_what_a_new_droplet_names_is_read_and_its_tags_are_created(cloud: Cloud) -> None:
    cloud.tokens["few"] = ["droplet:create"]
    named = {"tags": ["a"], "ssh_keys": [1], "volumes": ["x"], "vpc_uuid": "x"}
    for name, value in named.items():
        answer = requests.post(
            f"{cloud.url}/v2/droplets", json={name: value}, headers={"authorization": "Bearer few"}, timeout=10
        )
        assert answer.status_code == 403, name
    assert (
        requests.post(
            f"{cloud.url}/v2/droplets", json={}, headers={"authorization": "Bearer few"}, timeout=10
        ).status_code
        == 422
    )


def test_a_token_tells_what_it_may(cloud: Cloud) -> None:
    cloud.tokens["few"] = ["droplet:create"]

    def info(token: str) -> tuple[int, Any]:
        answer = requests.get(
            f"{cloud.url}/v1/oauth/token/info", headers={"authorization": f"Bearer {token}"}, timeout=10
        )
        return answer.status_code, answer.json().get("scopes")

    assert info(TOKEN) == (200, ["read", "write"])
    assert info("few") == (200, ["droplet:create"])
    assert info("nobody's") == (401, None)


def test_a_token_that_may_only_read(cloud: Cloud) -> None:
    cloud.tokens["reader"] = ["*:read"]
    reader = DigitalOcean("reader", cloud.url)
    assert reader.account().status == "active" and reader.volumes() == []
    with pytest.raises(CredentialsError, match="not authorized"):
        reader.create_volume("data", "nyc3", 10, [])
    assert reader.volumes() == []
    with pytest.raises(CredentialsError, match="was refused"):
        DigitalOcean("unknown", cloud.url).account()


def test_what_a_token_lacks_is_asked_without_effect(cloud: Cloud) -> None:
    wanted = ["droplet:create", "block_storage:create", "reserved_ip:create", "firewall:create"]
    wanted += ["domain:create", "ssh_key:create", "vpc:create", "tag:create"]
    cloud.tokens |= {"reader": ["*:read"], "some": ["*:read", "droplet:create", "tag:*"]}
    assert DigitalOcean("reader", cloud.url).lacks(wanted) == wanted
    assert DigitalOcean("some", cloud.url).lacks(wanted) == [w for w in wanted if w[:3] not in ("dro", "tag")]
    full = cloud.manager()
    before = DigitalOcean("reader", cloud.url).vpcs()
    assert DigitalOcean(full.token, cloud.url).lacks(wanted) == []
    assert not (full.get_all_droplets() or full.get_all_volumes() or full.get_all_tags() or full.get_all_domains())
    assert not (full.get_all_sshkeys() or full.get_all_firewalls() or full.get_all_floating_ips())
    assert DigitalOcean("reader", cloud.url).vpcs() == before
