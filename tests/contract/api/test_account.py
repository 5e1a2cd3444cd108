"""Projects, alert policies, uptime checks, and a droplet destroyed with all that is its own."""

from __future__ import annotations

from typing import Any

import digitalocean
import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.api.conftest import Cloud
from tests.waiting import until


def refused(status: int, match: str = ""):  # type: ignore[no-untyped-def]
    def fits(error: HttpResponseError) -> bool:
        return error.status_code == status and match in str(error)

    return pytest.raises(HttpResponseError, check=fits)


def test_projects(cloud: Cloud) -> None:
    client = cloud.pydo()
    domain = client.domains.create({"name": "example.com"})["domain"]["name"]
    droplet = cloud.droplet()
    default = client.projects.get_default()["project"]
    assert default["is_default"] and [p["id"] for p in client.projects.list()["projects"]] == [default["id"]]

    project = digitalocean.Project(name="web", purpose="my own reason", **cloud.options)
    project.create_project()
    assert (project.environment, project.purpose) == ("", "Other: my own reason")
    with refused(409, "in use"):
        client.projects.create({"name": "web", "purpose": "IoT"})
    urn = f"do:droplet:{droplet.id}"
    (entry,) = project.assign_resource([urn])["resources"]
    assert entry["status"] == "assigned"
    (entry,) = project.assign_resource([urn])["resources"]
    assert entry["status"] == "already_assigned"
    assert project.get_all_resources() == [urn]
    assert [r["urn"] for r in client.projects.list_resources_default()["resources"]] == [f"do:domain:{domain}"]
    assert client.projects.assign_resources(project.id, {"resources": ["do:droplet:1"]})["id"] == "not_found"
    with refused(422, "valid URN"):
        client.projects.assign_resources(project.id, {"resources": ["droplet"]})

    # pydo raises for what the document does not list; what it lists is an answer
    assert client.projects.delete(project.id)["message"] == "cannot delete a project with resources"
    assert client.projects.delete(default["id"])["message"] == "the default project cannot be deleted"
    with refused(422, "must be a default"):
        client.projects.patch_default({"is_default": False})
    project.set_as_default_project()
    assert client.projects.get_default()["project"]["id"] == project.id
    assert len([p for p in client.projects.list()["projects"] if p["is_default"]]) == 1
    assert [r["urn"] for r in client.projects.list_resources(default["id"])["resources"]] == [f"do:domain:{domain}"]
    droplet.destroy()
    renamed = client.projects.patch(project.id, {"name": "renamed", "environment": "Production"})["project"]
    assert (renamed["name"], renamed["environment"], renamed["purpose"]) == (
        "renamed",
        "Production",
        "Other: my own reason",
    )
    with refused(422, "environment"):
        client.projects.patch(project.id, {"environment": "Moon"})
    with refused(422, "description"):
        client.projects.update(project.id, {"name": "x", "purpose": "IoT", "environment": "Staging"})


def test_a_reserved_ip_is_born_into_a_project(cloud: Cloud) -> None:
    client = cloud.pydo()
    project = client.projects.create({"name": "web", "purpose": "IoT"})["project"]["id"]
    reserved = client.reserved_ips.create({"region": "nyc3", "project_id": project})["reserved_ip"]
    assert reserved["project_id"] == project
    client.reserved_ips.delete(reserved["ip"])
    client.projects.delete(project)


def policy(**values: Any) -> dict[str, Any]:
    return {
        "type": "v1/insights/droplet/cpu",
        "description": "busy",
        "compare": "GreaterThan",
        "value": 80,
        "window": "5m",
        "entities": [],
        "tags": [],
        "alerts": {"email": ["operator@local.test"], "slack": []},
        "enabled": True,
        **values,
    }


def test_alert_policies(cloud: Cloud) -> None:
    client, droplet = cloud.pydo(), cloud.droplet(tags=["web"])
    made = client.monitoring.create_alert_policy(policy(entities=[str(droplet.id)], tags=["web"]))["policy"]
    assert made["value"] == 80 and client.monitoring.get_alert_policy(made["uuid"])["policy"] == made
    changed = client.monitoring.update_alert_policy(made["uuid"], policy(window="1h", enabled=False))["policy"]
    assert (changed["window"], changed["enabled"], changed["entities"]) == ("1h", False, [])
    assert [p["uuid"] for p in client.monitoring.list_alert_policy()["policies"]] == [made["uuid"]]
    for wrong, message in (
        ({"type": "v1/dbaas/alerts/cpu_alerts"}, "type must be one of"),
        ({"value": "much"}, "not a number"),
        ({"entities": ["1"]}, "does not exist"),
        ({"tags": ["unknown"]}, "create it first"),
        ({"alerts": {"email": [], "slack": []}}, "somebody"),
        ({"alerts": {"email": ["nobody"], "slack": []}}, "not an email"),
        ({"enabled": None}, "true or false"),
    ):
        with refused(422, message):
            client.monitoring.create_alert_policy(policy(**wrong))
    with refused(400, "invalid email 'me@example.com'"):
        client.monitoring.create_alert_policy(policy(alerts={"email": ["me@example.com"], "slack": []}))
    client.monitoring.delete_alert_policy(made["uuid"])
    assert client.monitoring.get_alert_policy(made["uuid"])["id"] == "not_found"


def test_uptime_checks_and_their_alerts(cloud: Cloud) -> None:
    client = cloud.pydo()
    about = {"name": "site", "type": "https", "target": "https://example.com/health", "regions": ["us_east"]}
    check = client.uptime.create_check({**about, "enabled": True})["check"]
    assert client.uptime.list_checks()["checks"] == [check]
    changed = client.uptime.update_check(check["id"], {"name": "renamed", "regions": ["us_east", "eu_west"]})["check"]
    assert (changed["name"], changed["target"]) == ("renamed", about["target"])
    state = client.uptime.get_check_state(check["id"])["state"]
    assert set(state["regions"]) == {"us_east", "eu_west"} and state["regions"]["us_east"]["status"] == "CHECKING"
    for wrong in ({"type": "tcp"}, {"target": "ftp://x"}, {"target": "https://a b"}, {"regions": ["mars"]}):
        with refused(422):
            client.uptime.create_check({**about, **wrong})

    down = {
        "name": "down",
        "type": "down",
        "period": "2m",
        "notifications": {
            "email": ["operator@local.test"],
            "slack": [{"channel": "#ops", "url": "https://hook.test/x"}],
        },
    }
    alert = client.uptime.create_alert(check["id"], down)["alert"]
    assert client.uptime.get_alert(check["id"], alert["id"])["alert"] == alert
    with refused(422, "threshold"):
        client.uptime.create_alert(check["id"], {**down, "type": "latency"})
    slow = {**down, "type": "latency", "threshold": 300, "comparison": "greater_than"}
    assert client.uptime.update_alert(check["id"], alert["id"], slow)["alert"]["threshold"] == 300
    assert len(client.uptime.list_alerts(check["id"])["alerts"]) == 1
    client.uptime.delete_alert(check["id"], alert["id"])
    assert client.uptime.get_alert(check["id"], alert["id"])["id"] == "not_found"
    client.uptime.create_alert(check["id"], down)
    client.uptime.delete_check(check["id"])
    assert client.uptime.list_alerts(check["id"])["id"] == "not_found"


def furnished(cloud: Cloud) -> tuple[int, dict[str, str]]:
    """A droplet with one of everything that can belong to it."""
    client, droplet = cloud.pydo(), cloud.droplet()
    volume = client.volumes.create({"name": "data", "region": "nyc3", "size_gigabytes": 10})["volume"]["id"]
    droplet.get_data(f"volumes/{volume}/actions", type="POST", params={"type": "attach", "droplet_id": droplet.id})
    until(lambda: client.volumes.get(volume)["volume"]["droplet_ids"])
    kept = client.volume_snapshots.create(volume, {"name": "kept"})["snapshot"]["id"]
    assert droplet.take_snapshot("baked", return_dict=False).wait(update_every_seconds=0)
    image = client.droplets.list_snapshots(droplet.id)["snapshots"][0]["id"]
    reserved = client.reserved_ips.create({"droplet_id": droplet.id})["reserved_ip"]["ip"]
    until(lambda: client.reserved_ips.get(reserved)["reserved_ip"]["droplet"])
    until(lambda: not client.droplets.get(droplet.id)["droplet"]["locked"])
    return droplet.id, {
        "volumes": volume,
        "volume_snapshots": kept,
        "snapshots": str(image),
        "reserved_ips": reserved,
        "floating_ips": reserved,
    }


def test_a_droplet_is_destroyed_with_all_that_belongs_to_it(cloud: Cloud) -> None:
    client = cloud.pydo()
    droplet, own = furnished(cloud)
    listed = client.droplets.list_associated_resources(droplet)
    assert {kind: entries[0]["id"] for kind, entries in listed.items()} == own
    assert listed["volumes"][0]["cost"] == "1.00"
    with refused(422, "X-Dangerous"):
        client.droplets.destroy_with_associated_resources_dangerous(droplet, x_dangerous=False)
    client.droplets.destroy_with_associated_resources_dangerous(droplet, x_dangerous=True)
    status = client.droplets.get_destroy_associated_resources_status(droplet)
    assert status["failures"] == 0 and status["resources"]["volumes"][0]["id"] == own["volumes"]
    assert client.droplets.destroy_retry_with_associated_resources(droplet)["id"] == "conflict"
    until(lambda: not cloud.driver.roots and not cloud.driver.volumes and cloud.driver.images_ == {"base"})
    until(lambda: not cloud.driver.volume_snapshots and not cloud.network.plan.idle_reserved_ips)
    assert client.reserved_ips.list()["reserved_ips"] == [] and client.snapshots.list()["snapshots"] == []


def test_or_with_some_of_it(cloud: Cloud) -> None:
    client = cloud.pydo()
    droplet, own = furnished(cloud)
    with refused(422, "does not belong"):
        client.droplets.destroy_with_associated_resources_selective(droplet, {"volumes": ["other"]})
    client.droplets.destroy_with_associated_resources_selective(droplet, {"reserved_ips": [own["reserved_ips"]]})
    assert client.reserved_ips.list()["reserved_ips"] == []
    assert client.volumes.get(own["volumes"])["volume"]["droplet_ids"] == []
    assert len(client.snapshots.list()["snapshots"]) == 2
