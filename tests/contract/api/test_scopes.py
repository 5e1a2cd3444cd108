"""Tokens that may not do everything: the scopes are those of DigitalOcean's document."""

from __future__ import annotations

import json
import re

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.errors import CredentialsError
from localcloud.api.app import MODULES
from localcloud.api.scopes import needed
from tests.contract.api.conftest import CONTRACT, Cloud

VERBS = {"get", "post", "put", "patch", "delete"}
# several at once, or a verb of their own: nothing of ours uses them, and the simple rule is kept simple
OTHERS = ("destroy_with_associated_resources", "account_transfer", "/projects/")


def documented() -> dict[tuple[str, str], set[str]]:
    return {
        (method.upper(), re.sub(r"\{.*?\}", "x", path)): {
            scope for way in about.get("security", []) for scopes in way.values() for scope in scopes
        }
        for path, methods in json.loads(CONTRACT.read_text())["paths"].items()
        for method, about in methods.items()
        if method in VERBS
    }


def test_every_route_needs_what_the_document_says() -> None:
    known = documented()
    ours = {(method, re.sub(r"\{.*?\}", "x", path)) for module in MODULES for method, path, _ in module.ROUTES}
    compared = {
        route: (needed(*route), known[route])
        for route in sorted(ours & known.keys())
        if known[route] and not any(part in route[1] for part in OTHERS)
    }
    assert len(compared) > 60
    assert {route: pair for route, pair in compared.items() if pair[0] not in pair[1]} == {}


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
