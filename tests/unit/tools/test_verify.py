"""The parts of `make verify-cloud` that need no cloud: how things are found again, what differs, what it costs."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from bootstrap.settings.parts import check_domain
from tests.fakes.cloud import FakeCloud
from tests.unit.tools.test_house import ROOT
from tools.verify import answers, price, report
from tools.verify.answers import Answers
from tools.verify.differences import LOCAL, Found, cleared, differences
from tools.verify.names import Mark, Run, marks, run_of
from tools.verify.recorder import Exchange
from tools.verify.routes import Routes, question

RUN = Run("2611290614-ab12")
ROUTES = Routes(["/v2/droplets", "/v2/droplets/{droplet_id}", "/v2/droplets/{droplet_id}/actions", "/v2/tags/{tag_id}"])


class Fits:
    """A document that every answer fits."""

    def problems(self, *_: object) -> list[Any]:
        return []


def exchange(path: str, status: int = 200, body: Any = None, method: str = "GET", asked: Any = None) -> Exchange:
    return Exchange(method, path, "", asked, status, {}, json.dumps(body).encode(), "create")


def what_differs(known: Answers, *seen: Exchange) -> set[str]:
    found = differences(seen, known, Fits(), ROUTES)  # type: ignore[arg-type]
    assert {one.against for one in found.times} <= {LOCAL}
    return {one.what for one in found.times}


def learned(*seen: Exchange) -> Answers:
    known = Answers()
    known.add(seen, ROUTES)
    return known


@pytest.mark.parametrize(
    "name",
    [
        RUN.tag,
        f"{RUN.tag}:live",
        f"{RUN.label}.example.com",
        f"{RUN.label}.example.com-20261129-061500",
        f"bootstrap-{RUN.label}-example-com",
        f"bootstrap:{RUN.label}_example_com:lock:host-1:20261129-061500:20261129-061500",
        f"bootstrap-image:{RUN.label}",
        f"bootstrap-{RUN.label}-20261129061500-abc1234",
        Mark(RUN, "vpc", "914b04c9-bc14-4627-af6f-cd9e488c6901").tag,
    ],
)
def test_whatever_a_run_names_is_found_again(name: str) -> None:
    assert run_of("something", name) == RUN


@pytest.mark.parametrize(
    "name", ["verify", "verify-me.example.com", "bootstrap-verify", "verify-9913990614-ab12", "1129-ab12", ""]
)
def test_nobody_else_s_is_taken_for_ours(name: str) -> None:
    assert run_of(name) is None


def test_what_has_no_name_is_noted_in_the_account() -> None:
    noted = {Mark(RUN, "ip", "198.51.100.7"), Mark(RUN, "vpc", "914b04c9-bc14"), Mark(RUN, "key", "4711")}
    assert marks([*(mark.tag for mark in noted), RUN.tag, "bootstrap:example_com"]) == noted
    assert all(set(mark.tag) <= set("abcdefghijklmnopqrstuvwxyz0123456789:-_") for mark in noted)


def test_a_new_run_is_young_and_its_name_a_label_of_a_domain() -> None:
    run = Run.new()
    assert 0 <= run.age_s < 120 and run_of(run.tag) == run
    assert check_domain(f"{run.label}.example.com").startswith("verify-")


def test_questions_are_those_of_the_document() -> None:
    assert ROUTES.template("/v2/droplets/") == "/v2/droplets"
    template = ROUTES.template("/v2/droplets/12/actions")
    assert question("POST", template, {"type": "shutdown"}) == "POST /v2/droplets/{droplet_id}/actions shutdown"
    assert ROUTES.template("/v2/tags/bootstrap:a_b") == "/v2/tags/{tag_id}"
    assert ROUTES.template("/v2/kubernetes/12") is None


def test_fields_that_are_new_missing_or_of_another_type_differ() -> None:
    known = learned(exchange("/v2/droplets/1", body={"droplet": {"id": 1, "kernel": None, "size": {"slug": "s"}}}))
    now = {"droplet": {"id": "1", "kernel": None, "more": {"deep": 1}, "size": {}}}
    assert what_differs(known, exchange("/v2/droplets/2", body=now)) == {
        "field `droplet.id` is string, in the local cloud number",
        "field `droplet.more` (object), which the local cloud does not have",
        "field `droplet.size.slug` is missing, in the local cloud string",
    }


def test_what_may_be_absent_or_was_in_an_empty_list_does_not() -> None:
    first = {"droplets": [{"id": 1, "tags": []}, {"id": 2}], "links": {}}
    known = learned(exchange("/v2/droplets", body=first), exchange("/v2/droplets", body={"droplets": []}))
    assert what_differs(known, exchange("/v2/droplets", body={"droplets": [{"id": 1.5, "tags": ["a"]}]})) == set()
    other = {"droplets": [{"tags": None}], "links": {}}
    assert what_differs(known, exchange("/v2/droplets", body=other)) == {
        "field `droplets[].id` is missing, in the local cloud number",
        "field `droplets[].tags` is null, in the local cloud absent or list",
    }


def test_another_status_or_reason_differs() -> None:
    known = learned(
        exchange("/v2/droplets/1", body={}), exchange("/v2/droplets/1", 404, {"id": "not_found", "message": "no"})
    )
    assert what_differs(known, exchange("/v2/droplets/2", 404, {"id": "not_found", "message": "other words"})) == set()
    assert what_differs(known, exchange("/v2/droplets/2", 404, {"id": "gone"})) == {
        "`id` is `gone`; the local cloud says `not_found`"
    }
    assert what_differs(known, exchange("/v2/droplets/2", 409, {"id": "conflict"})) == {
        "HTTP 409 `conflict`; the local cloud answers 200, 404"
    }
    assert what_differs(known, exchange("/v2/droplets", body={})) == {"no run against the local cloud has asked this"}


def test_what_the_local_cloud_does_by_chance_is_no_difference() -> None:
    asked = {"type": "shutdown"}
    path = "/v2/droplets/1/actions"
    known = learned(exchange(path, 201, {"action": {}}, "POST", asked))
    pending = exchange(path, 422, {"id": "unprocessable_entity"}, "POST", asked)
    assert what_differs(known, pending, exchange(path, 429, {"id": "too_many_requests"}, "POST", asked)) == set()
    assert what_differs(known, exchange(path, 422, {"id": "conflict"}, "POST", asked)) != set()


def test_what_was_learned_is_read_again(tmp_path: Path) -> None:
    known = learned(
        exchange("/v2/droplets/1", body={"droplet": {"id": 1}}), exchange("/v2/droplets/1", 404, {"id": "x"})
    )
    known.save(tmp_path / "answers.json")
    again = Answers.load(tmp_path / "answers.json")
    assert (again.shapes, again.refusals) == (known.shapes, known.refusals)


def test_the_answers_in_the_repository_are_written_as_they_are_read(tmp_path: Path) -> None:
    Answers.load().save(tmp_path / "answers.json")
    assert (tmp_path / "answers.json").read_text() == answers.FILE.read_text()


def test_the_price_is_a_sum_in_cents() -> None:
    lines = price.lines(FakeCloud().sizes())
    assert price.total(lines) == pytest.approx(sum(line.cents for line in lines), abs=0.1)
    assert 20 < price.total(lines) < 100
    assert f"{price.total(lines):.1f} cents  at most" in price.text(lines)


def test_the_page_s_price_is_the_program_s() -> None:
    assert f"{price.total(price.lines(FakeCloud().sizes())):.0f} cents" in (ROOT / "docs" / "production.md").read_text()


def test_a_report_shows_differences_and_no_secret() -> None:
    known = learned(exchange("/v2/droplets/1", body={}))
    found = differences([exchange("/v2/droplets/1", 500, {"id": "dop_v1_secret"})], known, Fits(), ROUTES)  # type: ignore[arg-type]
    steps = [report.Step("create", 2, "203.0.113.7 is | gone")]
    outcome = report.Outcome("local", "nyc3", steps, [], found, "1 cent", is_whole=False)
    text = report.text(outcome, ROUTES, ["dop_v1_secret", ""])
    assert "| `GET /v2/droplets/{droplet_id}` | 500 | local cloud | HTTP 500 `SECRET`" in text
    assert "| create | 2 | ADDRESS is \\| gone |" in text and "ended before its time" in text
    assert "\nNone.\n" in report.text(report.Outcome("local", "nyc3", [], [], Found(), ""), ROUTES, [])


def test_no_address_is_public() -> None:
    assert cleared("from 198.51.100.7,\nfd00:1:2::3 and ada@example.com") == "from ADDRESS, ADDRESS and MAIL"


def test_times_are_those_of_completed_actions() -> None:
    began = datetime(2026, 11, 29, 6, 0, 0, tzinfo=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = {"id": 1, "type": "shutdown", "status": "completed", "started_at": began, "completed_at": began[:-3] + "9Z"}
    other = {**done, "id": 2, "status": "in-progress", "completed_at": None}
    seen = [exchange("/v2/actions/1", body={"action": done})] * 2 + [exchange("/v2/actions", body={"actions": [other]})]
    assert report.action_times(seen) == {"shutdown": [9.0]}
