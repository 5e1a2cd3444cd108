"""The operator's page, gathered from a faked cloud and rendered."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap.errors import CredentialsError, NotFoundError
from bootstrap.operations import destroy
from bootstrap.operations.create import run as create
from bootstrap.operations.report import page
from bootstrap.operations.report.gather import gather
from bootstrap_agent.contract import answers, form
from bootstrap_agent.contract import history as contract
from bootstrap_agent.contract.history import Event
from bootstrap_agent.contract.series import Point, Requests, Series
from tests.fakes.world import World
from tests.pages import Page

AT = int(datetime(2026, 11, 29, 12, tzinfo=timezone.utc).timestamp())


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    create.create(made.env())
    return made


def seen(world: World) -> Page:
    return Page(page.page(gather(world.env())))


def happened(world: World, kind: str, ago: timedelta, **figures: int) -> None:
    began = datetime.now(timezone.utc).replace(microsecond=0) - ago
    event = Event(
        id=contract.new_id(kind, began),
        kind=kind,
        by="droplet",
        began=began,
        ended=began,
        outcome="ok",
        figures=figures,
    )
    world.store.objects[contract.event_key("example_com/", event.id)] = form.encode(event).encode()


def test_a_deployment_that_is_well(world: World) -> None:
    happened(world, "backup", timedelta(days=30))
    happened(world, "drill", timedelta(days=2), rto_s=29, rpo_s=15)
    found = seen(world)
    assert "example.com: live, healthy" in found.text and "Alarmsnone" in found.text
    assert "passed" in found.text and "recovery 29 s" in found.text
    assert len(found.of_class("well")) == 2, "the day with a backup, and the legend"
    # the 29 days since it, but for today
    assert len(found.of_class("none")) == 30 and "29 day(s) without a backup" in found.text
    assert "data volume, 12 % full" in found.text and "memory in use, 48 %" in found.text
    assert "900 requests, 60.0 a minute at most; 1 were answered with an error" in found.text
    assert "/srv/data/nginx_logs/access.log" in found.text
    assert found.text.count("create") and "1 services, 1 running" in found.text


def test_one_that_is_ill_says_so(world: World) -> None:
    world.live().alarms = (answers.Alarm("disk:data", "the disk is <91> % full", datetime.now(timezone.utc)),)
    found = seen(world)
    assert "What is wrong" in found.text and "the disk is <91> % full" in found.text and "Alarms1" in found.text


def test_a_droplet_that_is_down_leaves_what_the_bucket_knows(world: World) -> None:
    happened(world, "backup", timedelta(days=3))
    world.machines.clear()
    gathered = gather(world.env())
    found = Page(page.page(gathered))
    assert "live, not healthy" in found.text and "no answer" in found.text
    assert "series" in gathered.problems and len(found.of_class("well")) == 2
    assert "Certificateunknown" in found.text


def test_an_image_of_before_there_were_figures(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootstrap.operations.report import gather as module

    agent = module.remote.agent

    def older(host: object, command: object, **kwargs: object) -> object:
        if command is answers.SERIES:
            from bootstrap.errors import UsageError

            raise UsageError("invalid choice: 'series'")
        return agent(host, command, **kwargs)  # type: ignore[arg-type, type-var]

    monkeypatch.setattr(module.remote, "agent", older)
    assert "the agent of this image keeps no figures yet" in seen(world).text


def test_after_destroy_there_is_what_is_left(world: World) -> None:
    destroy.destroy(world.env(), volume=True, backups=False)
    found = seen(world)
    assert "not deployed" in found.text and "destroy" in found.text
    with pytest.raises(NotFoundError):
        gather(World(world.folder / "nothing").env())


def test_without_a_bucket_and_with_one_that_refuses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(prefix: str) -> None:
        raise CredentialsError("the key may not list")

    monkeypatch.setattr(world.store, "list", refused)
    found = seen(world)
    assert "the key may not list" in found.text and "create" in found.text


def test_a_stack_without_a_log_says_so_in_one_line() -> None:
    assert page._traffic(Series(900, (), (), None)) is None
    assert page._machine(Series(900, (), (), None)) is None


def test_a_pause_breaks_the_line_of_disks_and_a_silent_period_had_no_request() -> None:
    points = tuple(Point(AT + n * 900, 10, 20, 30) for n in (0, 1, 2, 20, 21))
    machine = page._machine(Series(900, points, (), None))
    assert machine is not None and machine["memory"].count("M") == 2
    first = page._machine(Series(900, points[:1], (), None))
    assert first is not None and first["memory"] == "M0 70L100 70"
    traffic = page._traffic(Series(900, (), (Requests(AT, 30, 3, 0), Requests(AT + 2700, 60, 0, 30)), "log"))
    assert traffic is not None
    assert traffic["rate"].count("L") == 3 and (traffic["requests"], traffic["most"]) == (90, 4.0)
    assert traffic["share"] == pytest.approx(100 * 30 / 90)
    assert page._traffic(Series(900, (), (Requests(AT, 30, 3, 0),), "log"))["rate"].count("L") == 1  # type: ignore[index]


def test_six_weeks_make_a_small_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [(float(n), float(n % 97)) for n in range(4032)]
    assert len(page.thinned(points)) <= page.POINTS and max(page.thinned(points), key=lambda one: one[1])[1] == 96
    series = Series(
        900,
        tuple(Point(AT + n * 900, n % 100, 30, 40) for n in range(4032)),
        tuple(Requests(AT + n * 900, 1000 + n, 3, n % 7) for n in range(4032)),
        "/srv/data/nginx_logs/access.log",
    )
    gathered = gather(world.env())
    gathered.series = series
    html = page.page(gathered)
    assert len(html) < 100_000
    Page(html)
