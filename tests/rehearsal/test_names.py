"""Names that are no apex, and names whose records are kept elsewhere: the small stack, for whoever has such ones."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import digitalocean
import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from tests.rehearsal.conftest import HOME, Bootstrap, Site

ZONE, INSIDE, LATER = "people.example", "app.people.example", "api.people.example"
ELSEWHERE = "shop.elsewhere.example"
STRANGERS = [
    {"type": "A", "name": "www", "data": "203.0.113.9"},
    {"type": "TXT", "name": "@", "data": "v=spf1 -all"},
    {"type": "MX", "name": "@", "data": "mail.people.example.", "priority": 10},
]

pytestmark = pytest.mark.root


def records(cloud: dict[str, Any], zone: str) -> set[tuple[str, str, str]]:
    found = DigitalOcean(cloud["watcher_token"], cloud["api"]).records(zone)
    return {(record.type, record.name, record.data) for record in found}


def names_on_the_certificate(site: Site) -> set[str]:
    with (
        socket.create_connection((site.address, 443), timeout=10) as plain,
        site.tls.wrap_socket(plain, server_hostname=site.domain) as tls,
    ):
        certificate: Any = tls.getpeercert()
    return {name for kind, name in certificate["subjectAltName"] if kind == "DNS"}


def test_a_subdomain_lies_in_the_zone_that_is_there(
    hello: Bootstrap, cloud: dict[str, Any], visitor: ssl.SSLContext
) -> None:
    token = cloud["watcher_token"]
    digitalocean.Domain(name=ZONE, ip_address="203.0.113.8", token=token).create()
    for record in STRANGERS:
        digitalocean.Domain(name=ZONE, token=token).create_new_domain_record(**record)
    before = records(cloud, ZONE)

    created = hello("create", "--domain", INSIDE, "--json").json()
    site = Site(INSIDE, created["reserved_ip"], visitor)
    assert site.request("GET", "/health/").status_code == 200
    assert names_on_the_certificate(site) == {INSIDE}, "www is for what can be registered"
    assert INSIDE not in DigitalOcean(token, cloud["api"]).domains(), "no zone beside the one that is there"
    assert records(cloud, ZONE) - before == {("A", "app", site.address)}

    again = hello("create", "--domain", INSIDE, "--name", LATER, "--json").json()
    assert again["droplet"] == created["droplet"], "a name comes without a new machine"
    assert names_on_the_certificate(site) == {INSIDE, LATER}
    assert records(cloud, ZONE) - before == {("A", "app", site.address), ("A", "api", site.address)}
    # as on a computer without the settings: nobody has taken a name away
    hello("create", "--domain", INSIDE)
    assert names_on_the_certificate(site) == {INSIDE, LATER}
    hello("create", "--domain", INSIDE, "--name", INSIDE)
    assert names_on_the_certificate(site) == {INSIDE}
    assert records(cloud, ZONE) - before == {("A", "app", site.address)}, "and its record goes with it"

    hello("destroy", INSIDE, "--volume", "--backups", "--yes")
    assert records(cloud, ZONE) == before, "the zone is other people's, too"


@contextmanager
def played(zone: str) -> Iterator[Path]:
    """Another provider's name servers, which bootstrap cannot write to; whoever keeps the zone writes the file."""
    file = HOME / "dns" / "elsewhere.json"
    keep(file, zone)
    try:
        yield file
    finally:
        file.unlink()


def keep(file: Path, zone: str, *records: dict[str, Any]) -> None:
    server = {"type": "NS", "name": "@", "data": "ns1.another-provider.example."}
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({zone: [server, *records]}))
    beside.rename(file)


def test_records_that_are_kept_elsewhere_are_told_and_awaited(
    hello: Bootstrap, cloud: dict[str, Any], visitor: ssl.SSLContext, tmp_path: Path
) -> None:
    zone = ELSEWHERE.partition(".")[2]
    settings = (hello.work / "bootstrap.yaml").read_text() + f"domain: {ELSEWHERE}\ndns: external\n"
    (tmp_path / "bootstrap.yaml").write_text(settings + "dns_timeout_s: 3\n")
    mine = replace(hello, work=tmp_path)
    with played(zone) as file:
        waited = mine("create", check=False)
        assert waited.code != 0 and "run the same command again: it goes on" in waited.err
        assert waited.err.count(f"{ELSEWHERE} does not lead to") == 1
        (address,) = re.findall(rf"{re.escape(ELSEWHERE)}\. 300 IN A (\S+)", waited.err)

        keep(file, zone, {"type": "A", "name": "shop", "data": address, "ttl": 300})
        created = mine("deploy", "--json").json()
        assert created["reserved_ip"] == address
        assert (created["way"], created["image"]["built"]) == ("create", False), "its image was there"
        site = Site(ELSEWHERE, address, visitor)
        assert site.request("GET", "/health/").status_code == 200
        assert names_on_the_certificate(site) == {ELSEWHERE}
        known = DigitalOcean(cloud["watcher_token"], cloud["api"]).domains()
        assert not [name for name in known if name.endswith(zone)], "no record is written"

        (tmp_path / "bootstrap.yaml").write_text(f"{settings}size: s-2vcpu-4gb\n")
        foreseen = mine("deploy", "--dry-run", "--json").json()
        assert (foreseen["way"], foreseen["replacement"]["new_size"]) == ("redeploy", "s-2vcpu-4gb")
        assert foreseen["usd_more"] > 0 and foreseen["changes"]["unknown"] is None
        mine("maintenance", "on")
        report = mine("deploy", "--json").json()["redeploy"]
        assert (report["reserved_ip"], report["failed"]) == (address, 0)
        on = mine("maintenance", "show", "--json").json()
        assert on["since"] and on["allow"], "the new droplet follows the data volume"
        away = "sudo nft list table inet bootstrap_maintenance && systemctl is-active bootstrap-maintenance"
        assert "redirect to :4143" in mine("ssh", ELSEWHERE, away).out
        mine("maintenance", "off")
        told = mine("destroy", "--volume", "--backups", "--yes")
        assert f"delete the records of {ELSEWHERE}" in told.err
