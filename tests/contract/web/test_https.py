"""Web over httpx, beyond what the port's suite asks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bootstrap.adapters.http import HttpsWeb
from bootstrap.errors import HostError, UsageError
from tests.contract.web.conftest import Site


def test_it_connects_to_the_address_and_asks_for_the_name(site: Site) -> None:
    answer = HttpsWeb(site.roots).get(f"https://a.example:{site.port}/", address="127.0.0.1")
    assert (answer.status, answer.body) == (200, "ok")
    assert site.hosts[0].startswith("a.example")


def test_another_name_or_an_unknown_authority_is_refused(site: Site) -> None:
    for web, name in ((HttpsWeb(site.roots), "b.example"), (HttpsWeb(), "a.example")):
        with pytest.raises(HostError) as failure:
            web.get(f"https://{name}:{site.port}/", address="127.0.0.1")
        assert failure.value.retryable and "certificate" in failure.value.message.lower()


def test_roots_that_are_none_are_told_in_one_line(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    with pytest.raises(UsageError, match=r"roots\.pem: No such file"):
        HttpsWeb(roots)
    for text in ("", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        roots.write_text(text)
        with pytest.raises(UsageError, match="it holds no certificate") as failure:
            HttpsWeb(roots)
        assert failure.value.remedy


def test_a_prober_counts_an_outage_and_stays_within_its_load(site: Site) -> None:
    prober = HttpsWeb(site.roots).prober(f"https://a.example:{site.port}/", address="127.0.0.1")
    prober.start()
    began = time.monotonic()
    time.sleep(0.5)
    site.status = 503
    time.sleep(0.6)
    site.status = 200
    time.sleep(0.5)
    report = prober.stop()
    seconds = time.monotonic() - began
    assert 0.4 < report.outage_s < 1.1
    assert 3 <= report.failed <= 8 and report.failed < report.requests <= 10 * seconds + 2
    assert report.first_failure is not None and "503" in report.first_failure


def test_who_must_wait_is_answered_late_and_has_not_failed(site: Site) -> None:
    prober = HttpsWeb(site.roots).prober(f"https://a.example:{site.port}/", address="127.0.0.1")
    site.answers.clear()
    prober.start()
    time.sleep(0.7)
    site.answers.set()
    report = prober.stop()
    assert (report.failed, report.outage_s) == (0, 0) and 0.5 < report.longest_s < 5
