"""What doctor finds: a healthy deployment, and one thing broken at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bootstrap.deployment import find, hostkeys, steps
from bootstrap.errors import CredentialsError
from bootstrap.operations.create import run as create
from bootstrap.operations.doctor import doctor
from bootstrap.operations.doctor.check import CheckResult, exit_code
from bootstrap.operations.doctor.patient import Patient, Sources
from bootstrap.operations.redeploy.journal import Journal
from bootstrap.operations.redeploy.table import State
from bootstrap.ports.cloud import DropletSpec
from bootstrap_agent.contract import answers
from tests.fakes.computer import FakeComputer
from tests.fakes.world import DOMAIN, Quiet, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    env = world.env()
    create.create(env)
    world.shell = {"df": "Use%\n 30%\n", "systemctl": "active\nactive\nactive\nactive\nactive\n"}
    return world


def examined(world: World, computer: FakeComputer | None = None, **sources: Any) -> dict[str, CheckResult]:
    given = Sources(
        api_url=lambda: "https://api.example",
        cloud=lambda: world.cloud,
        domain=lambda: DOMAIN,
        settings=lambda _: world.settings,
        environment=lambda _: world.env(),
        state_dir=world.folder / "state",
        config=world.folder / "bootstrap.yaml",
    )
    return {f.name: f for f in doctor(Patient(computer or FakeComputer(), replace(given, **sources)))}


def states(findings: dict[str, CheckResult], *but: str) -> set[str]:
    return {f.state for f in findings.values() if f.name not in but}


def test_a_healthy_deployment_has_nothing_but_what_is_young_and_nothing_changes(world: World) -> None:
    before, open_before = list(world.effects.log), world.closed
    findings = examined(world)
    assert states(findings, "backup") == {"ok"}, [f for f in findings.values() if f.state != "ok"]
    assert (findings["backup"].state, findings["backup"].remedy) == ("warning", "bootstrap backup now")
    assert exit_code(findings.values()) == 0
    assert world.effects.log == before and world.closed == open_before + 1


def move_address(world: World) -> None:
    (address,) = world.cloud._addresses.values()
    world.cloud._addresses[address.ip] = replace(address, droplet_id=None)


def pull_out_the_volume(world: World) -> None:
    world.live().mounted = False
    world.cloud.detach_volume(world.cloud.volumes()[0].id, world.cloud.droplets()[0].id)


def open_a_port(world: World) -> None:
    (wall,) = world.cloud.firewalls()
    world.cloud.put_firewall(wall.name, [*wall.inbound, replace(wall.inbound[0], ports="5432")], wall.tags)


def offer_another_key(world: World) -> None:
    world.live().offered = hostkeys.generate().public


def expose_the_key(world: World) -> None:
    world.settings.ssh_key.chmod(0o644)


def stop_in_the_middle(world: World) -> None:
    Journal(world.env().folder / "replacement.jsonl").append(State.LIVE_STOPPED, {})


def await_a_backup(world: World) -> None:
    world.cloud.tag_droplet(world.cloud.droplets()[0].id, find.tag(world.settings, find.RESTORE_DUE))


def cut_create_short(world: World) -> None:
    with suppress(KeyError), steps.Recorded(steps.path_of(world.env()), Quiet()).step("certificate"):
        raise KeyError


def send_mail_by(world: World, problem: str | None) -> None:
    world.live().env |= {"DJANGO_EMAIL_HOST": "smtp.example.net", "DJANGO_EMAIL_PORT": "2525"}
    world.live().mail_problem = problem


BROKEN: list[tuple[Callable[[World], object], str, str, int]] = [
    (lambda w: w.cloud.shutdown_droplet(w.cloud.droplets()[0].id), "droplet", "problem", 6),
    (pull_out_the_volume, "data volume", "problem", 5),
    (move_address, "reserved ip", "problem", 5),
    (open_a_port, "firewall", "problem", 5),
    (lambda w: w.cloud.delete_firewall(w.cloud.firewalls()[0].id), "firewall", "problem", 4),
    (lambda w: w.cloud.put_record(DOMAIN, "A", "www", "192.0.2.99", 300), "records", "problem", 7),
    (offer_another_key, "host key", "problem", 7),
    (expose_the_key, "ssh key", "problem", 2),
    (lambda w: setattr(w.live(), "up", False), "services", "problem", 8),
    (lambda w: w.shell.update(systemctl="active\ninactive\nactive\nactive\nactive\n"), "timers", "warning", 0),
    (lambda w: w.shell.update(df="Use%\n 96%\n"), "root space", "problem", 7),
    (lambda w: w.shell.update(find="/var/run/reboot-required\n"), "reboot", "warning", 0),
    (await_a_backup, "unfinished", "warning", 0),
    (stop_in_the_middle, "unfinished", "warning", 0),
    (cut_create_short, "unfinished", "warning", 0),
    (lambda w: w.cloud.lacking.add("tag:create"), "rights", "problem", 3),
    (lambda w: w.cloud.lacking.add("vpc:create"), "rights", "warning", 0),
    (lambda w: setattr(w, "name_servers", ["ns.parking.example"]), "delegation", "problem", 7),
    (lambda w: setattr(w.store, "versions", False), "spaces", "warning", 0),
    (lambda w: w.store.lacking.append("see old versions"), "spaces", "warning", 0),
    (lambda w: setattr(w.cloud, "droplet_limit", 2), "quotas", "warning", 0),
    (lambda w: w.cloud.delete_image(w.image.id), "image", "problem", 4),
    (lambda w: send_mail_by(w, "login as me: 535 wrong"), "mail", "problem", 7),
    (lambda w: setattr(w.live(), "knows_mail", False), "mail", "warning", 0),
]


@pytest.mark.parametrize(("hurt", "name", "state", "code"), BROKEN)
def test_what_is_broken_is_named_with_its_remedy(
    world: World, hurt: Callable[[World], object], name: str, state: str, code: int
) -> None:
    hurt(world)
    findings = examined(world)
    assert (findings[name].state, exit_code(findings.values())) == (state, code)
    assert findings[name].remedy and "\n" not in findings[name].text
    assert findings["python"].state == findings["token"].state == "ok", "one that fails hides no other"


def test_what_a_replacement_under_way_has_moved_is_completed_by_it(world: World) -> None:
    live = world.cloud.droplets()[0]
    data, tags = world.live().user_data, ("bootstrap:example_com", "bootstrap:example_com:candidate")
    made = world.cloud.create_droplet(
        DropletSpec("candidate", live.region, live.size, world.image.id, (), data, None, tags=tags)
    )
    (address,) = world.cloud.reserved_ips()
    world.cloud.assign_reserved_ip(address.ip, made.id)
    pull_out_the_volume(world)
    findings = examined(world)
    for name in ("reserved ip", "data volume"):
        assert (findings[name].state, findings[name].remedy) == (
            "problem",
            "bootstrap redeploy example.com completes it",
        )


@pytest.mark.parametrize(
    ("left", "renewed_before", "state", "text"),
    [
        (22, None, "ok", "21 days left"),
        (20, None, "warning", "19 days left"),
        (22, 30, "ok", "21 days left"),
        (20, 30, "warning", "19 days left"),
        (1.5, 2, "ok", "35 hours left"),
        (1.3, 2, "warning", "31 hours left"),
        (-1, 30, "problem", "the certificate ended 2 days ago"),
    ],
)
def test_a_certificate_whose_renewal_is_late_is_told_before_its_end(
    world: World, left: float, renewed_before: float | None, state: str, text: str
) -> None:
    """However short its life is. Agents of earlier images do not say when they renew."""
    end = datetime.now(timezone.utc) + timedelta(days=left)
    renew_at = end - timedelta(days=renewed_before) if renewed_before else None
    world.live().certificate = answers.Certificate("Test", end, renew_at)
    found = examined(world)["certificate"]
    assert (found.state, found.text) == (state, text)


def test_a_renewal_that_fails_is_told_at_once_and_why(world: World) -> None:
    now = datetime(2026, 11, 24, tzinfo=timezone.utc)
    failing = answers.Failing(now, "the rate limit is reached", now)
    world.live().certificate = structs.replace(world.live().certificate, failing=failing)
    found = examined(world)["certificate"]
    assert found.state == "warning"
    assert found.text == "59 days left; its renewal fails since 2026-11-24T00:00:00Z: the rate limit is reached"
    assert found.remedy == f"bootstrap logs --units, then bootstrap create --domain {DOMAIN}"


def test_the_mail_server_is_asked_where_there_is_one(world: World) -> None:
    assert "mail" not in examined(world)
    send_mail_by(world, None)
    found = examined(world)["mail"]
    assert (found.state, found.text) == ("ok", "smtp.example.net port 2525 lets the droplet in")


def test_without_a_token_the_computer_is_checked_all_the_same(world: World) -> None:
    def refuse() -> Any:
        raise CredentialsError("the API token was refused", "check DIGITALOCEAN_TOKEN")

    findings = examined(world, cloud=refuse)
    assert findings["stack"].state == "ok"
    assert (findings["token"].state, exit_code(findings.values())) == ("problem", 3)
    assert (findings["quotas"].state, findings["quotas"].text) == ("not checked", "needs token")
    assert findings["droplet"].text == "needs token"


def test_a_silent_droplet_leaves_the_clouds_side_checked(world: World) -> None:
    world.machines.clear()
    findings = examined(world)
    assert findings["host key"].state == "problem" and findings["firewall"].state == "ok"
    assert {findings[name].state for name in ("login", "agent", "services", "reboot")} == {"not checked"}


def test_what_is_not_deployed_is_no_problem(tmp_path: Path) -> None:
    world = World(tmp_path)
    findings = examined(world)
    assert findings["deployed"].text == f"{DOMAIN} is not deployed: bootstrap create --domain {DOMAIN}"
    assert "droplet" not in findings and exit_code(findings.values()) == 0
    cut_create_short(world)
    text = examined(world)["deployed"].text
    assert "an earlier create stopped after: nothing yet, 0 min ago; it stopped in: certificate" in text
    findings = examined(world, domain=lambda: None)
    assert findings["domain"].state == "absent" and "spaces" not in findings and "deployed" not in findings


@pytest.mark.parametrize(
    ("computer", "name", "state"),
    [
        (FakeComputer(version=(3, 9, 1)), "python", "problem"),
        (FakeComputer(version=(3, 14, 0)), "python", "warning"),
        (FakeComputer(absent=("ssh-keyscan",)), "ssh", "problem"),
        (FakeComputer(absent=("packer",)), "packer", "problem"),
        (FakeComputer(absent=("git",)), "git", "warning"),
        (FakeComputer(absent=("nft",)), "local cloud", "problem"),
        (FakeComputer(free=1_000_000_000), "local cloud", "problem"),
        (FakeComputer(ahead_s=-60), "api", "warning"),
        (FakeComputer(ahead_s=400), "api", "problem"),
    ],
)
def test_what_this_computer_lacks(world: World, computer: FakeComputer, name: str, state: str) -> None:
    finding = examined(world, computer, local_home=world.folder)[name]
    assert (finding.state, finding.exit_code) == (state, 11 if state == "problem" else 0) and finding.remedy


def test_an_api_that_is_out_of_reach_is_one_problem(world: World) -> None:
    findings = examined(world, FakeComputer(ahead_s=None))
    assert [f.name for f in findings.values() if f.state == "problem"] == ["api"]


def test_doctor_asks_for_the_tools_that_the_local_cloud_starts_with() -> None:
    """Neither may import the other."""
    from bootstrap.operations.doctor import computer
    from localcloud.cli import control

    assert computer.LOCAL_TOOLS == control.TOOLS
