"""What `ports/web.py` promises: the adapter against a real TLS server, and the fake of the unit tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.adapters.http import HttpsWeb
from bootstrap.errors import HostError
from bootstrap.operations.create import run as create
from bootstrap.ports.web import Web
from tests.contract.web.conftest import Site
from tests.fakes.world import World
from tests.loopback import own


@dataclass
class Subject:
    web: Web
    url: str
    address: str
    # an address where nobody answers
    nobody: str
    # the certificate does not hold any more; the URL to ask then
    distrust: Callable[[], str]


@pytest.fixture(params=["https", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "https":
        site: Site = request.getfixturevalue("site")
        url = f"https://a.example:{site.port}/"
        return Subject(HttpsWeb(site.roots), url, "127.0.0.1", own(87), lambda: url.replace("a.ex", "b.ex"))
    world = World(tmp_path)
    made = create.create(world.env())

    def distrust() -> str:
        world.certified = False
        return made.url

    return Subject(world.env().web, made.url, made.address, "192.0.2.254", distrust)


def test_an_answer_has_its_status_and_its_body(subject: Subject) -> None:
    answer = subject.web.get(subject.url, address=subject.address)
    assert (answer.status, answer.body) == (200, "ok")


def test_nobody_at_the_address_is_retryable(subject: Subject) -> None:
    with pytest.raises(HostError) as failure:
        subject.web.get(subject.url, address=subject.nobody, timeout_s=2)
    assert failure.value.retryable and subject.url in failure.value.message


@pytest.mark.parametrize("served", [True, False])
def test_a_prober_tells_how_often_it_asked_and_what_failed(subject: Subject, served: bool) -> None:
    url = subject.url if served else subject.distrust()
    prober = subject.web.prober(url, address=subject.address)
    prober.start()
    time.sleep(0.3)
    report = prober.stop()
    assert report.requests and report.failed == (0 if served else report.requests)
    assert [one.right for one in report.samples] == [served] * report.requests
    assert [one.at for one in report.samples] == sorted(one.at for one in report.samples)
    if served:
        assert (report.outage_s, report.first_failure) == (0, None)
    else:
        assert report.outage_s > 0 and report.first_failure and url in report.first_failure


def test_a_certificate_that_does_not_hold_is_no_answer(subject: Subject) -> None:
    url = subject.distrust()
    with pytest.raises(HostError) as failure:
        subject.web.get(url, address=subject.address)
    assert failure.value.retryable and url in failure.value.message
