"""The story of `create`, on a cloud in memory that dies wherever it is told to."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
import yaml

from bootstrap.deployment import find, hostkeys, steps
from bootstrap.errors import (
    CertificateError,
    CloudInitError,
    ConflictError,
    CredentialsError,
    HostError,
    HostKeyError,
    NotFoundError,
    UnhealthyError,
    UsageError,
)
from bootstrap.operations.create import plan
from bootstrap.operations.create import run as operation
from bootstrap.ports.cloud import Carriers
from bootstrap.ports.dns import Answer, Caa
from bootstrap.settings import Settings
from bootstrap.stack import loading as stacks
from bootstrap_agent.contract import answers, form, manifest
from bootstrap_agent.contract.deployment import Spaces
from tests.fakes.cloud import EPOCH, Killed, Trip
from tests.fakes.world import ROOT, FakeHost, World, public_key


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def create(world: World, from_backup: str | None = None) -> operation.Created:
    return operation.create(world.env(), from_backup=from_backup)


def counts(world: World) -> dict[str, int]:
    cloud = world.cloud
    return {
        "keys": len(cloud.ssh_keys()),
        "vpcs": len(cloud.vpcs()),
        "volumes": len(cloud.volumes()),
        "firewalls": len(cloud.firewalls()),
        "droplets": len(cloud.droplets()),
        "reserved ips": len(cloud.reserved_ips()),
        "domains": len(cloud.domains()),
        "uptime checks": len(cloud.uptime_checks()),
    }


KINDS = ("keys", "vpcs", "volumes", "firewalls", "droplets", "reserved ips", "domains", "uptime checks")
ONE_OF_EACH = dict.fromkeys(KINDS, 1)


def test_the_story_in_its_order(world: World) -> None:
    done = create(world)
    assert done.url == "https://example.com/"
    fixed = [what for what in world.effects.log if "bootstrap-hostkey" not in what]
    assert fixed == [
        "create bucket",
        "create ssh key",
        "create vpc",
        "put firewall",
        "create volume",
        "create droplet",
        "hostkey rotate",
        "hostkey commit",
        f"untag droplet bootstrap:example_com:{find.FIRST_CONTACT}",
        "create reserved ip",
        "create domain",
        "put record @",
        "put record www",
        "volume mount",
        "secrets put",
        "stack up",
        "certificate ensure",
        "timers enable",
        f"untag droplet bootstrap:example_com:{find.NEVER_SERVED}",
        "put uptime check",
    ]
    assert counts(world) == ONE_OF_EACH


def test_a_second_run_changes_nothing(world: World) -> None:
    first = create(world)
    before = list(world.effects.log)
    again = create(world)
    assert (again.address, again.droplet.id, again.volume.id) == (first.address, first.droplet.id, first.volume.id)
    assert world.effects.log == before


def test_killed_after_any_change_it_is_run_again_and_makes_one_of_each(tmp_path: Path) -> None:
    for at in itertools.count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        world = World(folder)
        world.effects.trip = Trip(at, Killed(), after=True)
        try:
            create(world)
        except Killed:
            create(world)
            assert counts(world) == ONE_OF_EACH, f"killed after {world.effects.calls[at - 1]}"
            machine = world.live()
            assert machine.up and world.certified and machine.timers
            (droplet,) = world.cloud.droplets()
            assert hostkeys.pins(droplet.tags) == (hostkeys.pin(machine.offered).removeprefix(hostkeys.PIN),)
            assert not any(business in name for name in droplet.tags for business in find.UNFINISHED)
        else:
            break
    assert at > 20, "every step was tried"


def test_a_wrong_host_key_stops_before_a_secret_leaves(world: World) -> None:
    world.impostor = hostkeys.generate().public
    with pytest.raises(HostKeyError):
        create(world)
    (machine,) = world.machines.values()
    assert machine.stdin == [] and not [call for call in world.effects.calls if call.startswith("1 ")]


def test_a_key_swapped_after_the_first_contact_stops_too(world: World) -> None:
    create(world)
    world.live().offered = hostkeys.generate().public
    sent = len(world.live().stdin)
    with pytest.raises(HostKeyError):
        create(world)
    assert len(world.live().stdin) == sent


def test_no_secret_in_user_data_and_no_reusable_key(world: World) -> None:
    create(world)
    machine = world.live()
    generated = [value for name, value in machine.env.items() if "PASSWORD" in name or "SECRET_KEY" in name]
    assert any(len(value) > 20 for value in generated)
    assert not [value for value in (*generated, "very-secret-spaces-key") if value and value in machine.user_data]
    assert machine.offered != public_key(machine.user_data), "the key that user-data shows is no longer used"


def test_secrets_are_kept_and_the_operators_own_win(tmp_path: Path) -> None:
    world = World(tmp_path)
    create(world)
    first = dict(world.live().env)
    own = tmp_path / "own.env"
    own.write_text("AUTH_DB_PASSWORD=chosen-by-the-operator\nDJANGO_EMAIL_HOST=smtp.example.net\n")
    world.settings = world.settings.model_copy(update={"env_file": own})
    create(world)
    second = world.live().env
    assert second["DATABASE_URL"] == "postgresql://auth_service:chosen-by-the-operator@db:5432/auth_db"
    assert second["DJANGO_EMAIL_HOST"] == "smtp.example.net"
    assert second["DJANGO_SECRET_KEY"] == first["DJANGO_SECRET_KEY"]
    world.settings = world.settings.model_copy(update={"env_file": None})
    create(world)
    assert world.live().env == second, "what was given once stays without the file"


def mail_of(world: World) -> list[str]:
    names = ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS")
    return [world.live().env[f"DJANGO_EMAIL_{name}"] for name in names]


def test_the_mail_server_of_the_settings_reaches_the_droplet_and_stays(tmp_path: Path) -> None:
    world = World(tmp_path, smtp={"host": "smtp.example.net", "user": "me"})
    with pytest.raises(CredentialsError, match=r"no password for me at smtp\.example\.net"):
        create(world)
    assert world.effects.log == []
    world.smtp_password = "m"
    create(world)
    assert mail_of(world) == ["smtp.example.net", "2525", "me", "m", "True"]
    world.settings = world.settings.model_copy(update={"smtp": None})
    create(world)
    assert mail_of(world) == ["smtp.example.net", "2525", "me", "m", "True"]


def mail_told(world: World, tmp_path: Path, port: int = 2525, **machine: object) -> list[str]:
    """What a second run says of mail, with the machine as given."""
    own = tmp_path / "own.env"
    own.write_text(f"DJANGO_EMAIL_HOST=smtp.example.net\nDJANGO_EMAIL_PORT={port}\n")
    world.settings = world.settings.model_copy(update={"env_file": own})
    create(world)
    for name, value in machine.items():
        setattr(world.live(), name, value)
    world.progress.texts.clear()
    assert create(world).url == "https://example.com/"
    return [text.removeprefix("warning: ") for text in world.progress.texts if "mail" in text]


def test_a_mail_server_that_the_droplet_cannot_use_is_a_warning_in_one_line(world: World, tmp_path: Path) -> None:
    assert mail_told(world, tmp_path) == []
    (told,) = mail_told(world, tmp_path, mail_problem="login as me: 535 wrong")
    assert told.startswith("no mail leaves by smtp.example.net port 2525: login as me: 535 wrong; check `smtp`")
    (told,) = mail_told(world, tmp_path, port=587, mail_problem="no answer within 10 s")
    assert told.startswith("no mail leaves by smtp.example.net port 587: DigitalOcean blocks 587 on every droplet")
    assert "(no answer within 10 s); use 2525 (Mailgun" in told
    (told,) = mail_told(world, tmp_path, knows_mail=False)
    assert told.endswith("bootstrap image build, then bootstrap redeploy")


def test_a_stack_without_a_mail_server_hears_nothing_of_it(world: World) -> None:
    create(world)
    world.live().mail_problem = "never asked"
    world.progress.texts.clear()
    create(world)
    assert not [text for text in world.progress.texts if "mail" in text]


def test_who_speaks_of_mail_in_the_env_file_gets_nothing_from_the_settings(tmp_path: Path) -> None:
    own = tmp_path / "own.env"
    own.write_text("DJANGO_EMAIL_HOST=mine.example.net\n")
    world = World(tmp_path, env_file=own, smtp={"host": "smtp.example.net", "port": 2525, "tls": False})
    create(world)
    assert mail_of(world) == ["mine.example.net", "2525", "", "", "True"]


def test_nothing_is_created_when_the_plan_fails(world: World) -> None:
    world.cloud.delete_image(world.image.id)
    world.effects.log.clear()
    with pytest.raises(NotFoundError, match="no image"):
        create(world)
    world.cloud.droplet_limit = 0
    with pytest.raises(ConflictError, match="0 droplets"):
        create(world)
    assert world.effects.log == []


def test_what_a_key_of_one_bucket_may_not_is_said_once(world: World) -> None:
    create(world)
    assert not any("Spaces key" in text for text in world.progress.texts)
    world.store.lacking = ["turn its versions on", "set the rule"]
    create(world)
    said = [text for text in world.progress.texts if "Spaces key" in text]
    (text,) = said
    assert text.startswith("warning: the Spaces key may not turn its versions on and may not set the rule")


def test_from_backup_restores_once_before_traffic(world: World) -> None:
    backup = manifest.Manifest(
        id="20261124_020000", kind="full", created_at=datetime(2026, 11, 24, 2, tzinfo=timezone.utc), databases={}
    )
    world.store.objects["example_com/manifest_20261124_020000.json"] = manifest.render(backup)
    create(world, from_backup="latest")
    log = world.effects.log
    assert log.index("secrets put") < log.index("restore") < log.index("stack up")
    create(world, from_backup="latest")
    assert len(world.live().restored) == 1


def staging_of(world: World, **settings: object) -> World:
    """Another deployment in the same account and bucket."""
    own = {"domain": "staging.example.com", "names": ["staging.example.com"], "mail": False, **settings}
    values = {**dict(world.settings), "spaces": {"bucket": "shared"}}
    world.settings = Settings.model_validate({**values, **own})
    return world


def test_a_staging_is_made_of_another_deployments_backup(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.smtp_password = "very-secret"
    smtp = {"host": "smtp.example.net", "user": "mailer"}
    world.settings = Settings.model_validate({**dict(world.settings), "spaces": {"bucket": "shared"}, "smtp": smtp})
    create(world)
    backup = manifest.Manifest(
        id="20261124_020000", kind="full", created_at=datetime(2026, 11, 24, 2, tzinfo=timezone.utc), databases={}
    )
    world.store.objects["example_com/manifest_20261124_020000.json"] = manifest.render(backup)
    theirs, before = world.env(), world.live().env
    assert before["DJANGO_EMAIL_HOST"] == "smtp.example.net"
    staging_of(world)
    own = stacks.load(world.settings.stack)
    bare = replace(own, bootstrap=msgspec.structs.replace(own.bootstrap, sanitise=()))
    with (
        monkeypatch.context() as patch,
        pytest.raises(UsageError, match=r"no x-bootstrap.sanitise: staging.example.com would serve the data of"),
    ):
        patch.setattr(stacks, "load", lambda *_: bare)
        operation.create(world.env(), from_backup="latest", source=plan.Source(theirs, sanitise=True))
    assert len(world.cloud.droplets()) == 1
    operation.create(world.env(), from_backup="latest", source=plan.Source(theirs, sanitise=False))
    order = next(form.decode(sent, answers.RestoreOrder) for sent in world.live().stdin if '"source"' in sent)
    assert order.source == Spaces("https://nyc3.digitaloceanspaces.com", "nyc3", "shared", "example_com/")
    assert (order.settings, order.sanitise, order.to_the_end) == (False, False, True)
    # its own secrets, no mail, and backups beside theirs
    now = world.live().env
    assert now["DB_PASSWORD"] != before["DB_PASSWORD"] and now["DJANGO_EMAIL_HOST"] == "mail-off.invalid"
    assert now["DJANGO_EMAIL_HOST_PASSWORD"] == ""
    described = yaml.safe_load(world.live().user_data)["write_files"][1]["content"]
    assert json.loads(described)["spaces"]["prefix"] == "staging_example_com/"


def test_a_copy_sends_no_mail_and_is_of_somebody_else(world: World) -> None:
    theirs = plan.Source(world.env(), sanitise=False)
    with pytest.raises(UsageError, match=r"example.com is that deployment itself"):
        plan.check(world.env(), "latest", source=theirs)
    with pytest.raises(UsageError, match=r"a copy of example.com would send its mails"):
        plan.check(staging_of(world, mail=True).env(), "latest", source=theirs)


def test_mail_that_is_switched_on_again_leaves_by_the_settings(world: World) -> None:
    world.settings = world.settings.model_copy(update={"mail": False})
    create(world)
    assert world.live().env["DJANGO_EMAIL_HOST"] == "mail-off.invalid"
    world.settings = world.settings.model_copy(update={"mail": True})
    create(world)
    assert world.live().env["DJANGO_EMAIL_HOST"] != "mail-off.invalid"


def test_a_backup_that_is_not_there_is_told_with_the_plan(world: World) -> None:
    with pytest.raises(NotFoundError, match="no backup 20200101_000000"):
        plan.check(world.env(), "20200101_000000")
    with pytest.raises(NotFoundError, match="no backup without a Spaces key"):
        plan.check(replace(world.env(), store=None), "latest")
    assert world.effects.log == []


def test_a_deployment_keeps_its_stack(world: World) -> None:
    create(world)
    world.settings = world.settings.model_copy(update={"stack": ROOT / "examples" / "hello"})
    sent = len(world.live().stdin)
    with pytest.raises(ConflictError, match="runs the stack ticket-tracking") as refused:
        create(world)
    assert refused.value.remedy and "--stack" in refused.value.remedy
    assert len(world.live().stdin) == sent


def test_a_stack_that_is_not_healthy_says_why(world: World) -> None:
    create(world)
    world.live().healthy = False
    with pytest.raises(UnhealthyError, match="auth-service is not healthy: boom") as failure:
        create(world)
    assert failure.value.remedy == "bootstrap logs auth-service"


def test_a_droplet_whose_cloud_init_failed_is_replaced_by_the_next_run(world: World) -> None:
    world.boot_error = "('write_files', IsADirectoryError(21, 'Is a directory'))"
    world.boot_log = "2026 - util.py[WARNING]: Running module write_files failed\n2026 - all[DEBUG]: fine\n"
    with pytest.raises(CloudInitError, match="in module write_files") as failure:
        create(world)
    assert failure.value.exit_code == 7 and "replaces the droplet" in str(failure.value.remedy)
    assert [text for text in world.progress.texts if "util.py" in text or "DEBUG" in text] == [
        "2026 - util.py[WARNING]: Running module write_files failed"
    ]
    (broken,) = world.cloud.droplets()
    with pytest.raises(CloudInitError):
        create(world)
    assert counts(world)["droplets"] == 1 and world.cloud.droplets()[0].id != broken.id
    world.boot_error = None
    create(world)
    assert counts(world) == ONE_OF_EACH


def test_killed_while_it_replaces_such_a_droplet_it_does_not_take_it_for_a_good_one(world: World) -> None:
    world.boot_error = "('scripts_user', RuntimeError('1 failures'))"
    with pytest.raises(CloudInitError):
        create(world)
    world.boot_error = None
    (broken,) = world.cloud.droplets()
    world.effects.trip = Trip("droplet off", Killed(), after=True)
    with pytest.raises(Killed):
        create(world)
    world.effects.trip = None
    # as cloud-init says of a second boot
    world.machines[broken.public_ip or ""].boot_error = None
    create(world)
    assert world.cloud.droplets()[0].id != broken.id and counts(world) == ONE_OF_EACH


def test_a_server_that_reloads_its_key_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = refused_once(monkeypatch, HostError("port 22 refuses connections", retryable=True))
    create(world)
    assert not refusals and world.effects.calls.count("create droplet") == 1 and counts(world) == ONE_OF_EACH


def test_no_pin_of_a_droplet_that_is_replaced_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It got one more in the very run that gave it up."""
    refused_once(monkeypatch, HostError("no more"), HostError("no more"))
    with pytest.raises(HostError, match="no more"):
        create(world)
    create(world)
    (droplet,) = world.cloud.droplets()
    assert world.effects.calls.count("create droplet") == 2 and counts(world) == ONE_OF_EACH
    told = [call.split() for call in world.effects.log if hostkeys.PIN in call]
    pinned, gone = ({tag for verb, *_, tag in told if verb == wanted} for wanted in ("tag", "untag"))
    assert {tag.removeprefix(hostkeys.PIN) for tag in pinned - gone} == set(hostkeys.pins(droplet.tags))


def refused_once(monkeypatch: pytest.MonkeyPatch, *errors: HostError) -> list[HostError]:
    """What is left of them."""
    left, offered = list(errors), FakeHost.host_keys

    def host_keys(host: FakeHost) -> tuple[str, ...]:
        if left:
            raise left.pop()
        return offered(host)

    monkeypatch.setattr(FakeHost, "host_keys", host_keys)
    return left


def test_a_droplet_that_held_secrets_is_never_replaced_for_its_cloud_init(world: World) -> None:
    create(world)
    (served,) = world.cloud.droplets()
    world.live().boot_error = "('runcmd', RuntimeError('after a reboot'))"
    with pytest.raises(CloudInitError):
        create(world)
    assert [droplet.id for droplet in world.cloud.droplets()] == [served.id]


def test_until_it_has_served_another_image_may_take_its_place(world: World) -> None:
    # not the newest, so the first create takes the other
    tags = ("bootstrap-image", "bootstrap-image:ticket-tracking")
    fixed = world.cloud.add_image("bootstrap-ticket-tracking-fixed", *tags, created_at=EPOCH - timedelta(days=1))
    create(world)
    (served,) = world.cloud.droplets()
    world.settings = world.settings.model_copy(update={"image": fixed.id})
    create(world)
    assert [droplet.id for droplet in world.cloud.droplets()] == [served.id], "it served: that is for redeploy"
    world.cloud.tag_droplet(served.id, find.tag(world.settings, find.NEVER_SERVED))
    create(world)
    (droplet,) = world.cloud.droplets()
    assert droplet.image_id == fixed.id and counts(world) == ONE_OF_EACH
    assert world.effects.calls.index("1 stack down") < world.effects.calls.index("1 volume unmount")
    assert find.tag(world.settings, find.NEVER_SERVED) not in droplet.tags


def test_names_that_lead_elsewhere_are_told_before_a_certificate_is_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path, dns_timeout_s=1)
    world.other_servers = [Answer("ns2", ("203.0.113.9",)), Answer("ns3", problem="timed out")]
    with pytest.raises(CertificateError, match=r"ns2 says 203\.0\.113\.9; no certificate was asked for"):
        create(world)
    assert not world.certified
    world.other_servers = [Answer("ns3", problem="timed out")]
    create(world)
    assert any("ns3 does not answer" in text for text in world.progress.texts), "one of several may be silent"


@pytest.mark.parametrize(
    ("issue", "allowed"),
    [
        ([], True),
        ([Caa("iodef", "mailto:ops@example.com")], True),
        ([Caa("issue", "ca.example"), Caa("issue", "letsencrypt.org; accounturi=https://x")], True),
        ([Caa("issue", ";")], False),
        ([Caa("issue", "ca.example"), Caa("issuewild", "letsencrypt.org")], False),
    ],
)
def test_caa_records_that_forbid_the_authority_are_seen(world: World, issue: list[Caa], allowed: bool) -> None:
    world.caa = issue
    if not allowed:
        with pytest.raises(CertificateError, match=r"issue certificates, not letsencrypt\.org"):
            create(world)
        world.caa = []
    create(world)
    assert world.certified


def test_a_run_after_an_interrupted_one_says_what_it_goes_on_from(world: World) -> None:
    world.effects.trips = lambda what: Killed() if what == "1 hostkey commit" else None
    with pytest.raises(Killed):
        create(world)
    world.effects.trips = lambda _: None
    before = steps.interrupted(steps.path_of(world.env()))
    assert before is not None and "host key" in str(before.stuck) and "0 min ago" in str(before)
    create(world)
    assert any(text.startswith("continuing after: cloud-init, 0 min ago") for text in world.progress.texts)
    assert steps.interrupted(steps.path_of(world.env())) is None
    create(world)
    assert sum(text.startswith("continuing") for text in world.progress.texts) == 1


def test_a_domain_of_another_account_is_said_to_be_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(name: str) -> None:
        raise ConflictError("POST domains: Name already exists (HTTP 422)")

    with monkeypatch.context() as patch:
        patch.setattr(world.cloud, "create_domain", taken)
        with pytest.raises(ConflictError, match=r"example.com is managed in another DigitalOcean account"):
            create(world)
    create(world)
    assert counts(world) == ONE_OF_EACH


def test_a_volume_of_the_name_is_the_one_although_nothing_shows_it_yet(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "bootstrap:example_com"
    volume = world.cloud.create_volume("bootstrap-example-com", "nyc3", 10, [own])
    with monkeypatch.context() as patch:
        patch.setattr(world.cloud, "carriers", lambda tag, among=None: Carriers((), ()))
        patch.setattr(find, "all_there_is", lambda cloud: find.Account((), (), ()))
        assert create(world).volume.id == volume.id
    assert len(world.cloud.volumes()) == 1
