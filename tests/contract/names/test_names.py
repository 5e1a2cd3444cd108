"""What `ports/dns.py` promises: the adapter against the local cloud's DNS server, and against several of them that
delegate to each other, as it meets them in production; and the fake of the unit tests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from bootstrap.adapters.dns import AuthorityNames
from bootstrap.errors import HostError
from bootstrap.ports.dns import Answer, Caa, Names
from localcloud.host.files import write_atomically
from localcloud.services.dns import service
from localcloud.services.supervisor import Supervisor
from tests.fakes.world import DOMAIN, World
from tests.loopback import own

# the port is DNS's own, as the adapter asks there
SERVER, NOBODY = own(86), own(87)
RESOLVER, HOSTER, OTHER = own(88), own(89), own(90)


class Subject(Protocol):
    names: Names

    def say(self, *records: tuple[str, str, str]) -> None:
        """These are the domain's records: type, name, data."""


@dataclass
class Authority:
    names: Names
    records: Path

    def say(self, *records: tuple[str, str, str]) -> None:
        write_atomically(self.records, json.dumps({DOMAIN: zone(*records)}))


def zone(*records: tuple[str, str, str]) -> list[dict[str, object]]:
    return [{"type": kind, "name": name, "data": data, "ttl": 60} for kind, name, data in records]


@dataclass
class Fake:
    names: Names
    world: World

    def say(self, *records: tuple[str, str, str]) -> None:
        self.world.name_servers = [data.rstrip(".") for kind, _, data in records if kind == "NS"]
        self.world.caa = [Caa(*data.split()[1:]) for kind, _, data in records if kind == "CAA"]
        self.world.cloud.create_domain(DOMAIN)
        for kind, name, data in records:
            if kind in ("A", "AAAA"):
                self.world.cloud.put_record(DOMAIN, kind, name, data, 60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    if os.geteuid() != 0:
        pytest.skip("needs port 53 of a loopback address: root")
    home = tmp_path_factory.mktemp("dns")
    supervisor = Supervisor([service(home, SERVER, 53)], home / "run")
    supervisor.start()
    yield Authority(AuthorityNames(SERVER), home / "dns" / "records.json")
    supervisor.stop()


@pytest.fixture(params=["authority", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "authority":
        authority: Authority = request.getfixturevalue("authority")
        return authority
    world = World(tmp_path)
    return Fake(world.env().names, world)


def test_every_address_of_a_name_is_told_in_order(subject: Subject) -> None:
    subject.say(("A", "@", "192.0.2.1"), ("AAAA", "@", "2001:db8::1"), ("A", "www", "192.0.2.2"))
    (apex,) = subject.names.answers(DOMAIN)
    assert (apex.addresses, apex.problem) == (("192.0.2.1", "2001:db8::1"), None) and apex.server
    (www,) = subject.names.answers(f"www.{DOMAIN}")
    assert www.addresses == ("192.0.2.2",)


def test_a_name_without_an_address_is_an_answer(subject: Subject) -> None:
    subject.say(("A", "@", "192.0.2.1"))
    (absent,) = subject.names.answers(f"absent.{DOMAIN}")
    assert (absent.addresses, absent.problem) == ((), None)


def test_who_may_issue_is_asked_of_the_name_and_then_of_its_parents(subject: Subject) -> None:
    subject.say(("A", "@", "192.0.2.1"))
    assert subject.names.caa(f"www.{DOMAIN}") == []
    if isinstance(subject, Fake):
        subject.world.cloud._domains.clear()
    subject.say(("CAA", "@", "0 issue letsencrypt.org"))
    for name in (DOMAIN, f"www.{DOMAIN}", f"a.b.{DOMAIN}"):
        assert subject.names.caa(name) == [Caa("issue", "letsencrypt.org")]
    assert subject.names.caa("elsewhere.test") == []


def test_whom_a_domain_is_delegated_to(subject: Subject) -> None:
    subject.say(("NS", "@", "ns1.example.net."), ("NS", "@", "ns2.example.net."))
    assert subject.names.name_servers(DOMAIN) == ["ns1.example.net", "ns2.example.net"]
    assert subject.names.name_servers("nobodys.test") == []


def test_a_server_that_is_silent_is_a_problem_and_no_exception() -> None:
    (silent,) = AuthorityNames(NOBODY).answers(DOMAIN)
    assert silent == Answer(NOBODY, problem=silent.problem) and silent.problem


# --- as in production: nobody says which server is the authority


@pytest.fixture(scope="module")
def delegated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorityNames]:
    """A resolver with old answers, and two name servers that it leads to: the domain's, and that of a zone below it."""
    if os.geteuid() != 0:
        pytest.skip("needs port 53 of loopback addresses: root")
    servers = [f"ns{n}.hoster.example." for n in (1, 2, 3)]
    zones = {
        RESOLVER: {
            DOMAIN: zone(("A", "@", "192.0.2.99"), *(("NS", "@", name) for name in servers)),
            f"shop.{DOMAIN}": zone(("NS", "@", "ns.other.example."), ("A", "@", "192.0.2.99")),
            f"gone.{DOMAIN}": zone(("NS", "@", "ns.nowhere.example.")),
            # the third has no address
            "hoster.example": zone(("A", "ns1", HOSTER), ("A", "ns2", NOBODY)),
            "other.example": zone(("A", "ns", OTHER)),
        },
        HOSTER: {DOMAIN: zone(("A", "@", "192.0.2.1"), ("A", "www", "192.0.2.2"), ("CAA", "@", "0 issue pki.example"))},
        OTHER: {f"shop.{DOMAIN}": zone(("A", "@", "192.0.2.3"), ("AAAA", "@", "2001:db8::3"))},
    }
    running = []
    for address, served in zones.items():
        home = tmp_path_factory.mktemp("dns")
        write_atomically(home / "dns" / "records.json", json.dumps(served))
        running.append(Supervisor([service(home, address, 53)], home / "run"))
        running[-1].start()
    yield AuthorityNames(resolver=RESOLVER)
    for supervisor in running:
        supervisor.stop()


def test_each_authority_is_found_and_asked_itself(delegated: AuthorityNames) -> None:
    first, second, third = delegated.answers(DOMAIN)
    assert first == Answer("ns1.hoster.example", ("192.0.2.1",)), "not the resolver's old one"
    assert second == Answer("ns2.hoster.example", problem=second.problem) and second.problem
    assert third == Answer("ns3.hoster.example", problem="it has no address")
    assert delegated.answers(f"www.{DOMAIN}")[0].addresses == ("192.0.2.2",)
    assert delegated.name_servers(DOMAIN) == [f"ns{n}.hoster.example" for n in (1, 2, 3)]


def test_a_zone_below_has_an_authority_of_its_own(delegated: AuthorityNames) -> None:
    expected = Answer("ns.other.example", ("192.0.2.3", "2001:db8::3"))
    assert delegated.answers(f"shop.{DOMAIN}") == [expected]


def test_caa_is_asked_of_each_zones_own_authority(delegated: AuthorityNames) -> None:
    for name in (DOMAIN, f"www.{DOMAIN}", f"shop.{DOMAIN}"):
        assert delegated.caa(name) == [Caa("issue", "pki.example")]


def test_an_authority_without_any_address_is_a_problem_of_its_server(delegated: AuthorityNames) -> None:
    assert delegated.answers(f"gone.{DOMAIN}") == [Answer("ns.nowhere.example", problem="it has no address")]


def test_a_resolver_that_is_silent_is_told() -> None:
    with pytest.raises(HostError, match=f"the name servers of {DOMAIN} are not found") as failure:
        AuthorityNames(resolver=NOBODY).answers(DOMAIN)
    assert failure.value.retryable and failure.value.remedy
