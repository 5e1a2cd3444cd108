"""Load balancers: by python-digitalocean where it can, and by hand where DigitalOcean has more than it knows."""

from __future__ import annotations

from typing import Any

import digitalocean
import pytest
import requests

from localcloud.machines.balancers import Balanced
from localcloud.state.faults import Fault
from localcloud.work import balancing
from tests.contract.api.conftest import TOKEN, Cloud
from tests.waiting import until

RULE = {"entry_protocol": "tcp", "entry_port": 443, "target_protocol": "tcp", "target_port": 443}
PLAIN = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 80}
PENDING = "Load Balancer can't be updated while it processes previous actions"
ROOT = "/v2/load_balancers"


def ask(cloud: Cloud, method: str, path: str, body: Any = None, token: str = TOKEN) -> requests.Response:
    headers = {"authorization": f"Bearer {token}"}
    return requests.request(method, cloud.url + path, headers=headers, json=body, timeout=30)


def made(cloud: Cloud, **values: Any) -> dict[str, Any]:
    """Active."""
    body = {"name": "front", "region": "nyc3", "forwarding_rules": [RULE], "droplet_ids": [], **values}
    answer = ask(cloud, "POST", ROOT, body)
    assert answer.status_code == 202, answer.text
    return settled(cloud, answer.json()["load_balancer"]["id"])


def shown(cloud: Cloud, id: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(cloud, "GET", f"{ROOT}/{id}").json()["load_balancer"]
    return found


def settled(cloud: Cloud, id: str) -> dict[str, Any]:
    cloud.worker.wait_idle(20)
    return shown(cloud, id)


def targets(cloud: Cloud) -> list[int]:
    """Whom the one that runs sends to."""
    (running,) = cloud.balancers.up.values()
    return [droplet for droplet, _ in running.targets]


def change(cloud: Cloud, id: str, **values: Any) -> requests.Response:
    """A whole one, as the document wants it."""
    keep = ("name", "region", "forwarding_rules", "droplet_ids", "tag", "health_check", "sticky_sessions", "size_unit")
    now = {name: value for name, value in shown(cloud, id).items() if name in keep}
    return ask(cloud, "PUT", f"{ROOT}/{id}", {**now, "region": now["region"]["slug"], **values})


def test_the_life_of_one_by_python_digitalocean(cloud: Cloud) -> None:
    droplets = [cloud.droplet(name).id for name in ("a", "b")]
    rule = digitalocean.ForwardingRule(**RULE)
    health = digitalocean.HealthCheck("tcp", 22, "/", 10, 5, 3, 2)
    front = digitalocean.LoadBalancer(name="front", region="nyc3", **cloud.options)
    front.forwarding_rules, front.health_check, front.droplet_ids = [rule], health, droplets[:1]
    front.enable_proxy_protocol = True
    front.create()
    assert (front.status, front.ip) == ("new", ""), "it has an address when it is active"
    cloud.worker.wait_idle(20)
    front.load()
    assert (front.status, front.droplet_ids, front.enable_proxy_protocol) == ("active", droplets[:1], True)
    assert front.ip.startswith("198.51.100.") and front.ip not in [
        d.ip_address for d in cloud.manager().get_all_droplets()
    ]
    assert (front.health_check.port, front.health_check.healthy_threshold) == (22, 3)

    front.add_droplets(droplets[1:])
    assert targets_when_done(cloud) == droplets
    front.remove_droplets(droplets[:1])
    assert targets_when_done(cloud) == droplets[1:]
    front.add_forwarding_rules([digitalocean.ForwardingRule(**PLAIN)])
    cloud.worker.wait_idle(20)
    assert [rule.entry_port for rule in front.load().forwarding_rules] == [443, 80]
    front.remove_forwarding_rules([rule])
    cloud.worker.wait_idle(20)
    front.load().name = "renamed"
    front.save()
    assert [b.name for b in cloud.manager().get_all_load_balancers()] == ["renamed"]
    cloud.worker.wait_idle(20)
    front.destroy()
    assert cloud.manager().get_all_load_balancers() == []
    until(lambda: not cloud.balancers.up)
    until(lambda: len(cloud.network.plan.guests) == 2)


def targets_when_done(cloud: Cloud) -> list[int]:
    cloud.worker.wait_idle(20)
    return targets(cloud)


def test_its_members_are_those_of_its_tag_in_its_vpc(cloud: Cloud) -> None:
    near, far = cloud.droplet("near", tags=["web"]), cloud.droplet("far", tags=["web"], region="fra1")
    front = made(cloud, tag="web")
    assert (front["droplet_ids"], front["tag"], targets(cloud)) == ([near.id], "web", [near.id])
    late = cloud.droplet("late")
    ask(cloud, "POST", "/v2/tags/web/resources", {"resources": [{"resource_id": late.id, "resource_type": "droplet"}]})
    until(lambda: targets(cloud) == [near.id, late.id])
    body = {"resources": [{"resource_id": near.id, "resource_type": "droplet"}]}
    ask(cloud, "DELETE", "/v2/tags/web/resources", body)
    until(lambda: targets(cloud) == [late.id])
    late.destroy()
    until(lambda: targets(cloud) == [])
    assert shown(cloud, front["id"])["droplet_ids"] == [] and far.load().tags == ["web"]
    assert "tag" in ask(cloud, "POST", f"{ROOT}/{front['id']}/droplets", {"droplet_ids": [near.id]}).json()["message"]


def test_one_change_at_a_time(cloud: Cloud) -> None:
    cloud.faults.add(Fault(kind="stuck-action", action="create_load_balancer"))
    droplet = cloud.droplet().id
    body = {"name": "front", "region": "nyc3", "forwarding_rules": [RULE], "droplet_ids": []}
    id = ask(cloud, "POST", ROOT, body).json()["load_balancer"]["id"]
    for method, path, sent in (
        ("PUT", "", body),
        ("POST", "/droplets", {"droplet_ids": [droplet]}),
        ("DELETE", "/droplets", {"droplet_ids": [droplet]}),
        ("POST", "/forwarding_rules", {"forwarding_rules": [PLAIN]}),
        ("DELETE", "/forwarding_rules", {"forwarding_rules": [RULE]}),
    ):
        answer = ask(cloud, method, f"{ROOT}/{id}{path}", sent)
        assert (answer.status_code, answer.json()["message"]) == (403, PENDING), (method, path)
    cloud.faults.clear()
    assert settled(cloud, id)["status"] == "active"
    cloud.faults.add(Fault(kind="stuck-action", action="update_load_balancer"))
    assert change(cloud, id, droplet_ids=[droplet]).status_code == 200
    assert change(cloud, id).status_code == 403, "active, and busy all the same"
    # whatever it is about
    assert ask(cloud, "DELETE", f"{ROOT}/{id}").status_code == 204
    assert ask(cloud, "GET", f"{ROOT}/{id}").status_code == 404
    cloud.faults.clear()
    cloud.worker.wait_idle(20)
    assert not cloud.balancers.up


def test_one_that_does_not_come_up_is_errored_and_can_be_tried_again(cloud: Cloud) -> None:
    cloud.balancers.broken = True
    front = made(cloud)
    assert front["status"] == "errored"
    cloud.balancers.broken = False
    assert change(cloud, front["id"]).status_code == 200
    assert settled(cloud, front["id"])["status"] == "active"


def looked_at(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Their names, each time that one is asked how it is; it goes on growing."""
    agree, names = cloud.balancers.agree, list[str]()

    def noted(wanted: Balanced) -> bool:
        names.append(wanted.row.name)
        return agree(wanted)

    monkeypatch.setattr(cloud.balancers, "agree", noted)
    return names


def test_a_change_that_fails_is_tried_again_and_what_was_active_stays(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancing, "AGAIN_S", 3600.0)
    front, droplet = made(cloud), cloud.droplet().id
    names, tries = looked_at(cloud, monkeypatch), cloud.balancers.tries
    cloud.balancers.broken, before = True, len(tries)
    assert change(cloud, front["id"], droplet_ids=[droplet]).status_code == 200
    until(lambda: len(tries) == before + 2)
    looks = len(names)
    until(lambda: len(names) >= looks + 3)
    assert len(tries) == before + 2, "once more, and then with a pause"
    monkeypatch.setattr(balancing, "AGAIN_S", 0.0)
    until(lambda: len(tries) > before + 2)
    assert shown(cloud, front["id"])["status"] == "active"
    cloud.stop()
    cloud.balancers.broken = False
    cloud.start()
    until(lambda: targets(cloud) == [droplet])
    assert settled(cloud, front["id"])["status"] == "active"


def test_one_that_is_being_changed_is_not_asked_how_it_is(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    front, _ = made(cloud), made(cloud, name="other")
    names = looked_at(cloud, monkeypatch)
    cloud.faults.add(Fault(kind="stuck-action", action="update_load_balancer"))
    assert change(cloud, front["id"]).status_code == 200
    # a look may just have begun
    before = len(names)
    until(lambda: len(names) >= before + 5)
    assert set(names[-2:]) == {"other"}
    cloud.faults.clear()


def test_what_was_under_way_is_done_by_the_next_daemon(cloud: Cloud) -> None:
    front = made(cloud)
    droplet = cloud.droplet().id
    cloud.faults.add(Fault(kind="stuck-action", action="update_load_balancer"))
    change(cloud, front["id"], droplet_ids=[droplet])
    cloud.stop()
    cloud.balancers.up.clear()
    cloud.start()
    until(lambda: bool(cloud.balancers.up))
    assert targets_when_done(cloud) == [droplet]


def test_a_firewall_names_it_as_a_source(cloud: Cloud) -> None:
    droplet = cloud.droplet().id
    front = made(cloud, droplet_ids=[droplet])
    rule = {"protocol": "tcp", "ports": "443", "sources": {"load_balancer_uids": [front["id"]]}}
    ask(cloud, "POST", "/v2/firewalls", {"name": "fw", "inbound_rules": [rule], "droplet_ids": [droplet]})
    (row,) = [guest for guest in cloud.network.plan.guests if guest.machine == droplet]
    balancer = next(guest for guest in cloud.network.plan.guests if guest.machine != droplet)
    assert not balancer.guarded and balancer.public_ip == front["ip"] and balancer.vpc == row.vpc
    (passes,) = row.inbound
    assert passes.peers == (f"{front['ip']}/32", f"{balancer.private_ip}/32")


def test_its_vpc_and_its_project_know_it(cloud: Cloud) -> None:
    vpc = ask(cloud, "POST", "/v2/vpcs", {"name": "own", "region": "nyc3"}).json()["vpc"]["id"]
    project = ask(cloud, "POST", "/v2/projects", {"name": "p", "purpose": "IoT"}).json()["project"]["id"]
    front = made(cloud, vpc_uuid=vpc, project_id=project)
    urn = f"do:loadbalancer:{front['id']}"
    assert front["project_id"] == project and front["vpc_uuid"] == vpc
    assert [r["urn"] for r in ask(cloud, "GET", f"/v2/projects/{project}/resources").json()["resources"]] == [urn]
    assert [m["urn"] for m in ask(cloud, "GET", f"/v2/vpcs/{vpc}/members").json()["members"]] == [urn]
    assert ask(cloud, "DELETE", f"/v2/vpcs/{vpc}").status_code == 403
    ask(cloud, "DELETE", f"{ROOT}/{front['id']}")
    cloud.worker.wait_idle(20)
    assert ask(cloud, "DELETE", f"/v2/vpcs/{vpc}").status_code == 204


def test_an_update_that_leaves_something_out_sets_it_back(cloud: Cloud) -> None:
    cookie = {"type": "cookies", "cookie_name": "DO-LB", "cookie_ttl_seconds": 60}
    front = made(cloud, sticky_sessions=cookie, enable_proxy_protocol=True, http_idle_timeout_seconds=90, size_unit=3)
    assert (front["sticky_sessions"], front["size"], front["size_unit"]) == (cookie, "lb-medium", 3)
    body = {"name": "front", "region": "nyc3", "forwarding_rules": [PLAIN], "droplet_ids": []}
    assert ask(cloud, "PUT", f"{ROOT}/{front['id']}", body).status_code == 200
    front = settled(cloud, front["id"])
    assert (front["sticky_sessions"], front["enable_proxy_protocol"]) == ({"type": "none"}, False)
    assert (front["http_idle_timeout_seconds"], front["size_unit"]) == (60, 3)
    answer = change(cloud, front["id"], size_unit=1)
    assert (answer.status_code, "once per hour" in answer.json()["message"]) == (422, True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"forwarding_rules": []}, "forwarding_rules can't be blank"),
        ({"forwarding_rules": [RULE, {**RULE, "target_port": 80}]}, "must not use an entry_port twice"),
        ({"forwarding_rules": [{**RULE, "entry_port": 0}]}, "entry_port must be between 1 and 65535"),
        ({"forwarding_rules": [{**RULE, "entry_protocol": "udp"}]}, "UDP is not available"),
        (
            {"forwarding_rules": [{**RULE, "entry_protocol": "https"}]},
            "https needs a certificate_id or tls_passthrough",
        ),
        ({"forwarding_rules": [{**RULE, "tls_passthrough": True}]}, "tls_passthrough is not for tcp"),
        ({"forwarding_rules": [{**RULE, "certificate_id": "x"}]}, "certificate x does not exist"),
        ({"forwarding_rules": [{**RULE, "target_protocol": "http"}]}, "tcp cannot be forwarded as http"),
        ({"region": "nowhere"}, "region is invalid"),
        ({"name": "a_b"}, "name may hold letters"),
        ({"name": "taken"}, "name is already in use"),
        ({"droplet_ids": [1]}, "droplet 1 does not exist"),
        ({"droplet_ids": [1], "tag": "web"}, "mutually exclusive"),
        ({"type": "GLOBAL"}, "type must be one of REGIONAL"),
        ({"network": "INTERNAL"}, "network must be one of EXTERNAL"),
        ({"health_check": {"path": "/a b"}}, "path must be a path"),
        ({"health_check": {"path": "/'\n"}}, "path must be a path"),
        ({"health_check": {"check_interval_seconds": 2}}, "check_interval_seconds must be between 3 and 300"),
        ({"sticky_sessions": {"type": "cookies"}}, "cookie_name can't be blank"),
        ({"firewall": {"deny": ["1.2.3.4"]}}, "1.2.3.4 is no ip:ADDRESS"),
        # what comes after the percent sign may be any text, and this one goes on in HAProxy's configuration
        ({"firewall": {"deny": ["ip:fe80::1%x }\nglobal\n  user root"]}}, "global"),
        ({"firewall": {"allow": ["cidr:fe80::%x }\nglobal/64"]}}, "global"),
        ({"firewall": {"allow": ["ip:2001:db8::1"]}}, "2001:db8::1 is no ip:ADDRESS"),
        ({"redirect_http_to_https": True}, "redirect_http_to_https needs a rule"),
        ({"size_unit": 101}, "size_unit must be between 1 and 100"),
        ({"http_idle_timeout_seconds": 10}, "must be between 30 and 600"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal(cloud: Cloud, values: dict[str, Any], message: str) -> None:
    made(cloud, name="taken")
    body = {"name": "front", "region": "nyc3", "forwarding_rules": [RULE], "droplet_ids": [], **values}
    answer = ask(cloud, "POST", ROOT, body)
    assert answer.status_code == 422 and message in answer.json()["message"], answer.text
    assert len(ask(cloud, "GET", ROOT).json()["load_balancers"]) == 1


def test_its_firewall_keeps_addresses_and_no_texts(cloud: Cloud) -> None:
    sources = ["cidr:10.0.0.0/255.0.0.0", "cidr:10.0.0.0/8", "ip:192.0.2.1"]
    front = made(cloud, firewall={"allow": sources})
    assert front["firewall"] == {"deny": [], "allow": ["cidr:10.0.0.0/8", "ip:192.0.2.1"]}


def test_a_token_without_the_right_hears_403(cloud: Cloud) -> None:
    cloud.tokens |= {"reader": ["load_balancer:read"], "maker": ["load_balancer:create"]}
    front = made(cloud)
    asked = ((method, path) for path in ("", "/droplets", "/forwarding_rules") for method in ("PUT", "POST", "DELETE"))
    for method, path in asked:
        if (method, path) not in (("POST", ""), ("PUT", "/droplets"), ("PUT", "/forwarding_rules")):
            answer = ask(cloud, method, f"{ROOT}/{front['id']}{path}", {}, "maker")
            assert answer.status_code == 403 and "authorized" in answer.json()["message"]
    assert ask(cloud, "GET", ROOT, token="reader").status_code == 200
    assert ask(cloud, "GET", ROOT, token="maker").status_code == 403
