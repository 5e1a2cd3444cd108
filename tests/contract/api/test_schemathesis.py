"""Schemathesis makes requests up from DigitalOcean's document, valid ones and broken ones: the API never answers with
a server error, and what it answers is what the document says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from localcloud.api.contract import Contract, published
from tests.contract.api.conftest import CONTRACT, TOKEN, Cloud, running
from tests.waiting import until

# the products that the local cloud does not have
ABSENT = r"^/v2/(certificates|databases)"
HEADERS = {"authorization": f"Bearer {TOKEN}"}
CHECKS = (not_a_server_error, response_schema_conformance)
# the same few requests in every run; FUZZ_EXAMPLES=100 looks for new ones, edge cases of every parameter included
SEARCH = os.environ.get("FUZZ_EXAMPLES")

config = schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": SEARCH is not None}}})
schema = schemathesis.openapi.from_dict(published(CONTRACT), config=config).exclude(path_regex=ABSENT)
bounded = settings(
    max_examples=int(SEARCH or 8),
    deadline=None,
    derandomize=SEARCH is None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[Cloud]:
    with running(tmp_path_factory.mktemp("fuzzed"), contract) as cloud:
        yield cloud


@pytest.fixture
def there(fuzzed: Cloud) -> dict[str, Any]:
    """One of everything, by the name that its identifier has in the document's paths."""
    client = fuzzed.pydo()
    _clear(fuzzed)
    name = f"n{uuid4().hex[:8]}"
    made = client.droplets.create({"name": name, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "ubuntu-22-04-x64"})
    droplet = made["droplet"]["id"]
    until(lambda: not client.droplets.get(droplet)["droplet"]["locked"])
    shot = client.droplet_actions.post(droplet, {"type": "snapshot"})["action"]["id"]
    until(lambda: client.actions.get(shot)["action"]["status"] == "completed")
    volume = client.volumes.create({"name": name, "region": "nyc3", "size_gigabytes": 1})["volume"]["id"]
    rule = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}
    client.domains.create({"name": f"{name}.test"})
    record = client.domains.create_record(f"{name}.test", {"type": "A", "name": "www", "data": "198.51.100.10"})
    address = client.reserved_ips.create({"region": "nyc3"})["reserved_ip"]["ip"]
    client.tags.create({"name": name})
    forwarded = {"entry_protocol": "tcp", "entry_port": 443, "target_protocol": "tcp", "target_port": 443}
    front = {"name": name, "region": "nyc3", "forwarding_rules": [forwarded], "droplet_ids": [droplet]}
    balancer = client.load_balancers.create(front)["load_balancer"]["id"]
    until(lambda: client.load_balancers.get(balancer)["load_balancer"]["status"] == "active")
    told = {"email": ["operator@local.test"], "slack": []}
    check = client.uptime.create_check({"name": name, "type": "ping", "target": "198.51.100.10"})["check"]["id"]
    alert = {"name": name, "type": "down", "period": "2m", "notifications": told}
    policy = {"type": "v1/insights/droplet/cpu", "description": name, "compare": "LessThan", "value": 1, "window": "5m"}
    policy |= {"entities": [], "tags": [], "alerts": told, "enabled": True}
    return {
        "droplet_id": droplet,
        "action_id": shot,
        "image_id": client.droplets.list_snapshots(droplet)["snapshots"][0]["id"],
        "volume_id": volume,
        "snapshot_id": client.volume_snapshots.create(volume, {"name": name})["snapshot"]["id"],
        "lb_id": balancer,
        "firewall_id": client.firewalls.create({"name": name, "inbound_rules": [rule]})["firewall"]["id"],
        "domain_name": f"{name}.test",
        "domain_record_id": record["domain_record"]["id"],
        "reserved_ip": address,
        "floating_ip": address,
        "tag_id": name,
        "vpc_id": client.vpcs.create({"name": name, "region": "nyc3"})["vpc"]["id"],
        "project_id": client.projects.create({"name": name, "purpose": "IoT"})["project"]["id"],
        "check_id": check,
        "alert_id": client.uptime.create_alert(check, alert)["alert"]["id"],
        "alert_uuid": client.monitoring.create_alert_policy(policy)["policy"]["uuid"],
    }


def _clear(cloud: Cloud) -> None:
    """What the account has a limit of."""
    client = cloud.pydo()
    for droplet in client.droplets.list(per_page=200)["droplets"]:
        client.droplets.destroy(droplet["id"])
    until(lambda: not cloud.driver.roots and not cloud.worker._jobs())
    for address in client.reserved_ips.list()["reserved_ips"]:
        client.reserved_ips.delete(address["ip"])
    for balancer in client.load_balancers.list(per_page=200)["load_balancers"]:
        client.load_balancers.delete(balancer["id"])
    for volume in client.volumes.list(per_page=200)["volumes"]:
        client.volumes.delete(volume["id"])


@schema.parametrize()
@bounded
def test_what_is_made_up(case: schemathesis.Case, fuzzed: Cloud) -> None:
    case.call_and_validate(base_url=fuzzed.url, headers=HEADERS, checks=CHECKS)


@schema.include(path_regex=r"\{").parametrize()
@bounded
def test_what_is_there(case: schemathesis.Case, fuzzed: Cloud, there: dict[str, Any]) -> None:
    case.path_parameters = {name: there.get(name, value) for name, value in case.path_parameters.items()}
    case.call_and_validate(base_url=fuzzed.url, headers=HEADERS, checks=CHECKS)
