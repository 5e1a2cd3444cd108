"""What `ports/dns.py` promises: the adapter against the local cloud's DNS server, and the fake of the unit tests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from bootstrap.adapters.dns import AuthorityNames
from bootstrap.ports.dns import Answer, Caa, Names
from localcloud.host.files import write_atomically
from localcloud.services.dns import service
from localcloud.services.supervisor import Supervisor
from tests.fakes.world import DOMAIN, World
from tests.loopback import own

# the port is DNS's own, as the adapter asks there
SERVER, NOBODY = own(86), own(87)


class Subject(Protocol):
    names: Names

    def say(self, *records: tuple[str, str, str]) -> None:
        """These are the domain's records: type, name, data."""


@dataclass
class Authority:
    names: Names
    records: Path

    def say(self, *records: tuple[str, str, str]) -> None:
        written = [{"type": kind, "name": name, "data": data, "ttl": 60} for kind, name, data in records]
        write_atomically(self.records, json.dumps({DOMAIN: written}))


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
