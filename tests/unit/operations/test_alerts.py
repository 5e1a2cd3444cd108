"""Who watches a deployment from outside, and what the laptop asks of the droplet's own alarms."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from bootstrap.deployment import find
from bootstrap.errors import CredentialsError, HostError, NotFoundError
from bootstrap.operations import alerts, destroy
from bootstrap.operations.create import run as create
from bootstrap.operations.status import status
from bootstrap_agent.contract.answers import Alarm, SpacesKey
from tests.fakes.world import World

SECRET = "https://hc.example/secret"
ALARM = Alarm("disk:data", "the disk of /srv/data is 91 % full", datetime(2026, 11, 24, tzinfo=timezone.utc))


def created(tmp_path: Path, **settings: object) -> World:
    world = World(tmp_path, **settings)
    create.create(world.env())
    return world


def test_the_uptime_check_asks_for_what_the_gate_asked_for_and_goes_first(tmp_path: Path) -> None:
    world = created(tmp_path)
    (check,) = world.cloud.uptime_checks()
    assert (check.name, check.target) == ("bootstrap-example-com", "https://example.com/health/")
    assert world.cloud.alert_policies() == []
    before = len(world.effects.log)
    destroy.destroy(world.env(), volume=False, backups=False)
    assert world.effects.log[before] == "delete uptime check", "nobody is told of what goes on purpose"


def test_policies_come_with_the_agent_that_they_need(tmp_path: Path) -> None:
    world = created(tmp_path, alerts={"metrics_agent": True, "uptime_check": False})
    assert world.cloud.uptime_checks() == []
    found = {(policy.metric, policy.percent, policy.tag) for policy in world.cloud.alert_policies()}
    live = find.tag(world.settings, find.LIVE)
    assert found == {("cpu", 90, live), ("memory", 90, live), ("disk", 85, live)}
    create.create(world.env())
    assert len(world.cloud.alert_policies()) == 3
    destroy.destroy(world.env(), volume=False, backups=False)
    assert world.cloud.alert_policies() == []


def test_a_token_without_the_right_is_told_and_the_site_stays(tmp_path: Path) -> None:
    world = World(tmp_path)
    lacking = CredentialsError("POST uptime/checks: not authorized", "give it uptime:create")
    world.effects.trips = lambda call: lacking if "uptime" in call else None
    assert create.create(world.env()).url == "https://example.com/"
    assert any("nobody watches example.com from outside" in text for text in world.progress.texts)
    world.effects.trips = lambda call: None
    create.create(world.env())
    world.effects.trips = lambda call: lacking if "uptime" in call else None
    assert destroy.destroy(world.env(), volume=False, backups=False).droplets == 1
    assert any("may be left" in text for text in world.progress.texts)


def test_the_ping_url_goes_the_way_of_the_secrets_and_stays_until_it_is_taken_away(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ping_url = SECRET
    create.create(world.env())
    assert world.live().credentials.ping_url == SECRET and SECRET not in world.live().user_data
    for given, kept in ((None, SECRET), ("", None), (None, None)):
        world.ping_url = given
        create.create(world.env())
        assert world.live().credentials.ping_url == kept
    assert world.live().credentials.spaces == SpacesKey("access", "very-secret-spaces-key")
    for given, kept in ((SECRET, SECRET), (None, SECRET), ("", None)):
        world.webhook_url = given
        create.create(world.env())
        assert world.live().credentials.webhook_url == kept, "the chat's likewise"
    assert not any("hc.example" in text for text in world.progress.texts)


def test_what_the_droplet_found_is_told_by_list_and_status(tmp_path: Path) -> None:
    world = created(tmp_path, email="ops@example.com")
    assert not status(world.env())["alarms"] and alerts.listing(world.env()).alarms == ()
    world.live().alarms = (ALARM,)
    listed = alerts.listing(world.env())
    assert listed.alarms == (ALARM,) and listed.to == "ops@example.com"
    (told,) = status(world.env())["alarms"]
    assert (told["message"], told["since"]) == (ALARM.message, "2026-11-24T00:00:00Z")


def test_a_test_says_whom_it_reached(tmp_path: Path) -> None:
    world = created(tmp_path, alerts={"email": "ops@example.com"})
    done = alerts.send_test(world.env())
    assert done.mail and done.mail.to == "ops@example.com" and done.pinged is None
    world.live().mail_problem = "login as me: 535 wrong"
    with pytest.raises(HostError, match="by mail: login as me: 535 wrong"):
        alerts.send_test(world.env())


def test_nobody_to_tell_and_an_earlier_images_agent_are_told_apart(tmp_path: Path) -> None:
    world = created(tmp_path)
    with pytest.raises(NotFoundError, match="has nobody to tell"):
        alerts.send_test(world.env())
    world.live().knows_mail = False
    with pytest.raises(HostError, match="too old"):
        alerts.listing(world.env())
