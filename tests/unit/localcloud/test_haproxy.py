from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcloud.services.haproxy import configuration
from localcloud.state.balancing import ForwardingRule, HealthCheck, LoadBalancerFirewall, StickySessions
from localcloud.state.model import LoadBalancer

RULES = {
    "plain": ForwardingRule(entry_protocol="http", entry_port=80, target_protocol="http", target_port=8080),
    "inner": ForwardingRule(entry_protocol="http", entry_port=81, target_protocol="https", target_port=8443),
    "tcp": ForwardingRule(entry_protocol="tcp", entry_port=443, target_protocol="tcp", target_port=443),
}
MANY = tuple(f"ip:192.0.2.{host}" for host in range(200))
TARGETS = [(7, "10.0.0.7"), (8, "10.0.0.8")]


def balancer(*rules: str, **values: Any) -> LoadBalancer:
    about = {"id": "b", "name": "b", "machine": 1, "region": "nyc3", "vpc_uuid": "v", "created_at": "", "sized_at": ""}
    parts = {"health": HealthCheck(), "sticky": StickySessions(), "firewall": LoadBalancerFirewall()}
    row = {**about, **parts, "public_ip": "127.0.0.1", "private_ip": "10.0.0.2", **values}
    return LoadBalancer.model_validate({**row, "rules": tuple(RULES[name] for name in rules)})


def lines(row: LoadBalancer) -> list[str]:
    return [line.strip() for line in configuration(row, TARGETS, Path("/x"), "mark").splitlines()]


def test_each_droplet_is_asked_once_however_many_rules_there_are() -> None:
    found = lines(balancer("plain", "tcp"))
    assert [line for line in found if " check " in line and line.startswith("server")] == [
        f"server d{droplet} {address}:80 check inter 10s fall 5 rise 3" for droplet, address in TARGETS
    ]
    assert sum("track health/d7" in line for line in found) == 2


def test_who_asked_is_told_where_it_was_wanted_and_in_checks_too() -> None:
    assert not any("proxy" in line for line in lines(balancer("tcp")))
    found = lines(balancer("tcp", enable_proxy_protocol=True))
    assert sum(line.endswith("check-send-proxy") for line in found) == 2
    assert "server d7 10.0.0.7:443 track health/d7 send-proxy" in found


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"health": HealthCheck(protocol="https", path="/a?b=$c&d=(x)")},
        {"sticky": StickySessions(type="cookies", cookie_name="DO-LB", cookie_ttl_seconds=60)},
        {"firewall": LoadBalancerFirewall(deny=("ip:192.0.2.1",), allow=("cidr:10.0.0.0/8", "ip:2001:db8::1"))},
        {"firewall": LoadBalancerFirewall(deny=MANY, allow=MANY)},
        {"redirect_http_to_https": True, "enable_proxy_protocol": True, "enable_backend_keepalive": True},
        {"algorithm": "least_connections"},
    ],
    ids=["plain", "https-check", "sticky", "firewall", "many", "flags", "least"],
)
@pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed: run `make setup` as root")
def test_haproxy_takes_all_of_it(tmp_path: Path, values: dict[str, Any]) -> None:
    (home := tmp_path / 'it\'s a "home"').mkdir()
    text = configuration(balancer("plain", "inner", "tcp", **values), TARGETS, home, "mark")
    (home / "servers").write_text("1\n")
    (home / "cfg").write_text(text)
    done = subprocess.run(["haproxy", "-c", "-f", str(home / "cfg")], capture_output=True, text=True)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
