"""A drill on a faked cloud: what it compares, what it leaves alone, and what is left of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bootstrap.deployment import find, recovery
from bootstrap.errors import BackupError, BootstrapError, CredentialsError, NotFoundError, UnhealthyError, UsageError
from bootstrap.operations.create.run import create
from bootstrap.operations.drill import evidence, plan, record, report, run, throwaway
from bootstrap.operations.status import status
from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.contract import answers, form, manifest
from bootstrap_agent.contract.manifest import ClusterPart, DatabasePart, Held, Manifest, MediaPart, StoredPart
from tests.fakes.world import DOMAIN, RELEASE, Machine, World

ID = "20261124_120000"


def backup(backup_id: str = ID, kind: str = "full", **changed: Any) -> Manifest:
    def part(name: str) -> tuple[str, int, str]:
        return f"example_com/{name}_{backup_id}.tar.zst.age", 3, "0" * 64

    cluster = ClusterPart(
        *part("cluster_backup"),
        system="7",
        timeline=1,
        segment_size=16 << 20,
        postgres="17.6",
        restore_point="bootstrap_1",
        wal_from="000000010000000000000002",
        wal_until="000000010000000000000003",
        rows={"auth_db": {"public.user": (3, 3)}},
    )
    made = Manifest(
        id=backup_id,
        kind=kind,
        created_at=manifest.time_of(backup_id),
        release=RELEASE.name,
        databases={} if kind == "media" else {"auth_db": DatabasePart(*part("postgres_backup"))},
        cluster=None if kind == "media" else cluster,
        media=None if kind == "database" else MediaPart(*part("media_backup"), folders=("media_files",)),
        settings=StoredPart(*part("settings_backup")),
    )
    return form.read(form.plain(made) | changed, Manifest)


def put(world: World, made: Manifest) -> None:
    world.store.objects[manifest.manifest_key("example_com/", made.id)] = manifest.render(made)
    world.store.objects |= {part.key: b"xyz" for part in made.parts}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A deployment, and a backup of it."""
    made = World(tmp_path)
    create(made.env())
    put(made, backup())
    made.effects.calls.clear()
    return made


def drilled(world: World, wanted: str = "latest") -> tuple[run.Outcome, BootstrapError | None]:
    return run.drill(world.env(), plan.make(world.env(), wanted))


def account(world: World) -> dict[str, Any]:
    cloud = world.cloud
    return {
        "droplets": cloud.droplets(),
        "volumes": cloud.volumes(),
        "firewalls": cloud.firewalls(),
        "tags": sorted(cloud.tags("bootstrap")),
        "addresses": cloud.reserved_ips(),
        "records": cloud.records(DOMAIN),
        "keys": cloud.ssh_keys(),
    }


def of_the_drill(world: World) -> Machine:
    return world.machines[max(world.machines, key=lambda ip: int(world.machines[ip].name))]


def test_it_passes_and_leaves_nothing_but_its_record(world: World) -> None:
    before, live, objects = account(world), form.plain(vars(world.live())), set(world.store.objects)
    outcome, error = drilled(world)
    assert error is None and outcome.passed, outcome
    assert account(world) == before and form.plain(vars(world.live())) == live
    left = {key for key in set(world.store.objects) - objects if "/history/" not in key}
    assert left == {"example_com/drill.json"}
    assert [(one.name, one.expected, one.found, one.well) for one in outcome.tables] == [
        ("auth_db.public.user", "3", 3, True)
    ]
    assert {one.how for one in outcome.objects} == {evidence.READ, evidence.LISTED}
    assert all(one.well for one in (*outcome.objects, *outcome.checks))
    assert outcome.rto_s is not None and outcome.steps


def test_its_machine_has_no_visitor_no_key_and_no_timer_and_is_closed_before_the_stack_starts(world: World) -> None:
    drilled(world)
    machine = of_the_drill(world)
    assert machine is not world.live() and machine.sealed
    assert (machine.timers, machine.credentials) == (False, answers.Credentials())
    asked = [
        call.removeprefix(f"{machine.name} ") for call in world.effects.calls if call.startswith(f"{machine.name} ")
    ]
    assert asked.index("restore latest") < asked.index("seal") < asked.index("stack up") < asked.index("gate")
    assert not [call for call in asked if call.startswith(("certificate", "timers", "backup", "alerts", "mail"))]
    told = machine.deployment
    assert (told.domain, told.key, told.volume) == (DOMAIN, "example_com__drill", "bootstrap-example-com--drill")
    assert (told.alerts.email, told.backup.recipient, told.spaces.prefix) == (None, None, "example_com/")
    order = next(form.decode(sent, answers.RestoreOrder) for sent in machine.stdin if '"newest"' in sent)
    assert (order.newest, order.settings, order.to_the_end) == (ID, True, False)


def test_only_ssh_comes_in(world: World) -> None:
    seen: list[Any] = []
    put_firewall = world.cloud.put_firewall
    world.cloud.put_firewall = lambda *said: seen.append(said) or put_firewall(*said)  # type: ignore[method-assign, func-returns-value]
    drilled(world)
    ((name, rules, tags),) = seen
    assert (name, [rule.ports for rule in rules]) == ("bootstrap-example-com--drill", ["22"])
    assert tags == ["bootstrap:example_com__drill"]


def test_a_kill_at_any_call_leaves_nothing_after_the_next_drill(world: World) -> None:
    before = account(world)

    class Killed(BaseException):
        """As SIGKILL: nothing runs after it."""

    drilled(world)
    calls = len(world.effects.calls)
    planned = plan.make(world.env())
    for end in range(calls):
        count = 0

        def stop(end: int = end) -> None:
            nonlocal count
            count += 1
            if count > end:
                raise Killed

        world.effects.watch = stop
        with pytest.raises(Killed):
            run.drill(world.env(), planned)
        world.effects.watch = lambda: None
        assert drilled(world)[0].passed and account(world) == before, end


def test_a_stack_that_does_not_answer_fails_it_and_is_deleted_too(world: World) -> None:
    before = account(world)
    planned = plan.make(world.env())
    world.deaf = True
    outcome, error = run.drill(world.env(), planned)
    assert isinstance(error, UnhealthyError) and "/health/: status 502" in error.message
    assert not outcome.passed and outcome.rto_s is None and account(world) == before


@pytest.mark.parametrize(
    ("came", "said"),
    [
        ({"auth_db": answers.RestoredDatabase(1, 2, {"public.user": 2})}, "auth_db.public.user has 2 rows, not 3"),
        ({"auth_db": answers.RestoredDatabase(0, 0, {})}, "auth_db.public.user has None rows, not 3"),
        ({}, "databases: none, not auth_db"),
    ],
)
def test_what_does_not_come_back_is_named(world: World, came: dict[str, answers.RestoredDatabase], said: str) -> None:
    world.restored = answers.Restored(ID, came, ("media_files",))
    _, error = drilled(world)
    assert isinstance(error, BackupError) and said in error.message


@pytest.mark.parametrize("came", [{"media_files": Held(2, 10, "b" * 64)}, {}])
def test_files_that_are_not_what_they_were_are_named(world: World, came: dict[str, Held]) -> None:
    held = Held(3, 10, "a" * 64)
    made = Manifest(
        id=ID,
        kind="media",
        created_at=manifest.time_of(ID),
        databases={},
        media=MediaPart("k", 1, "0", ("media_files",), {"media_files": held}),
    )
    restored = answers.Restored(ID, {}, ("media_files",), came)
    found = evidence.checks(None, made, restored, "r", answers.Sealed(True), answers.Gate(()))
    (files,) = [one for one in found if one.what == "files of media_files"]
    assert (files.well, files.expected) == (False, "3 files of 10 bytes (aaaaaaaaaaaa)")


def test_an_object_of_another_size_is_named(world: World) -> None:
    world.store.objects[backup().databases["auth_db"].key] = b"xy"
    _, error = drilled(world)
    assert isinstance(error, BackupError) and "has not 3 bytes" in error.message


def test_status_says_when_it_passed_last(world: World) -> None:
    assert status(world.env())["drill"] is None
    passed, _ = drilled(world)
    assert status(world.env())["drill"]["passed"] is True
    planned = plan.make(world.env())
    world.deaf = True
    run.drill(world.env(), planned)
    told = status(world.env())["drill"]
    assert (told["passed"], told["last_passed"]) == (False, f"{passed.at:%Y-%m-%dT%H:%M:%SZ}")
    assert "502" in told["problem"]


def test_a_drill_that_cannot_be_written_down_has_passed_all_the_same(world: World) -> None:
    def refused(key: str, data: bytes) -> None:
        raise CredentialsError(f"the key may not write {key}")

    world.store.write = refused  # type: ignore[method-assign]
    outcome, error = drilled(world)
    assert outcome.passed and error is None
    assert "warning: `status` does not hear of this drill: the key may not write example_com/drill.json" in (
        world.progress.texts
    )


def test_ctrl_c_at_any_moment_leaves_nothing(world: World) -> None:
    before = account(world)
    planned = plan.make(world.env())
    drilled(world)
    calls = [call for call in world.effects.calls if "lock" not in call]
    for at in ("create droplet", "restore latest", "seal", "stack up", "gate"):
        (call, *_) = [one for one in calls if one.endswith(at) or one.startswith(at)]
        what = call.partition(" ")[2] if call[0].isdigit() else call

        def interrupt(called: str, what: str = what) -> BaseException | None:
            return KeyboardInterrupt() if called.endswith(what) or called.startswith(what) else None

        world.effects.trips = interrupt
        with pytest.raises(KeyboardInterrupt):
            run.drill(world.env(), planned)
        world.effects.trips = lambda _: None
        assert account(world) == before, at


def test_a_record_of_another_time_is_none(world: World) -> None:
    world.store.objects["example_com/drill.json"] = b"[]"
    assert record.read(world.store, "example_com/") is None


def test_what_cannot_be_drilled_is_told_before_anything_is_made(world: World) -> None:
    before = account(world)
    with pytest.raises(NotFoundError, match="no backup 20200101_000000"):
        plan.make(world.env(), "20200101_000000")
    put(world, backup("20261125_120000", recipient="age1another"))
    with pytest.raises(CredentialsError, match="age1another"):
        plan.make(world.env())
    put(world, backup("20261126_120000", settings=None))
    with pytest.raises(UsageError, match="holds no values"):
        plan.make(world.env())
    with pytest.raises(CredentialsError, match="SPACES_ACCESS_KEY_ID"):
        plan.make(replace(world.env(), store=None))
    assert account(world) == before


def test_for_a_moment_it_takes_the_databases_before_and_the_media_after_it(world: World) -> None:
    own = recovery.ensure(world.settings.recovery_file)
    for made in (
        backup("20261125_020000", "database", recipient=own),
        backup("20261125_030000", "media", recipient=own),
        backup("20261126_020000", "database", recipient=own),
    ):
        put(world, made)
    found = plan.make(world.env(), to=datetime(2026, 11, 25, 2, 30, tzinfo=timezone.utc))
    assert found.databases and found.media
    assert (found.databases.id, found.media.id) == ("20261125_020000", "20261125_030000")
    assert not found.at_its_mark and found.order.identity
    outcome, error = run.drill(world.env(), found)
    assert error is None and [one.expected for one in outcome.tables] == [None]
    latest = plan.make(world.env())
    assert latest.databases and latest.media
    assert (latest.databases.id, latest.media.id) == ("20261126_020000", "20261125_030000")


def test_where_the_backups_image_is_gone_the_newest_of_the_stack_is_taken_and_told(world: World) -> None:
    put(world, backup(release="bootstrap-ticket-tracking-20200101000000-0000000"))
    outcome, error = drilled(world)
    (told,) = [one for one in outcome.checks if one.what == "release"]
    assert error is None and (told.well, told.matters, told.found) == (False, False, RELEASE.name)


def test_the_log_says_what_a_loss_would_have_cost() -> None:
    made = backup()
    later = manifest.time_of(ID) + timedelta(hours=3)
    stored = [
        StoredObject("example_com/wal/7/0002.zst.age", 1, later),
        StoredObject("example_com/wal/8/0002.zst.age", 1, later + timedelta(hours=1)),
    ]
    assert evidence.archived_until(made, made, stored) == later
    assert evidence.archived_until(None, made, stored) == made.created_at


def test_no_domain_has_a_drills_names(world: World) -> None:
    own = throwaway.environment(world.env()).settings
    assert find.tag(own) == "bootstrap:example_com__drill"
    drilled(world)
    assert find.known_domains(world.cloud) == [DOMAIN]


def test_the_page_says_what_was_compared_and_needs_nothing_else(world: World) -> None:
    outcome, _ = drilled(world)
    # names may break between their words
    page = report.page(outcome).replace("<wbr>", "")
    assert "passed" in page and "auth_db.public.user" in page and RELEASE.name in page
    assert "http://" not in page and "https://" not in page and "<script" not in page
    outcome.problem, outcome.passed = "<b>broken</b> & late", False
    assert "&lt;b&gt;broken&lt;/b&gt; &amp; late" in report.page(outcome)
    json.dumps(form.plain(outcome.checks))


DUMPED = {"key": f"example_com/dump_backup_{ID}_shop.zst.age", "size": 3, "sha256": "0" * 64, "written": 9}


@pytest.mark.parametrize(("found", "well"), [(5, True), (7, True), (8, False), (None, False)])
def test_what_the_stack_dumped_itself_is_compared_with_what_it_counted(found: int | None, well: bool) -> None:
    made = backup(dumps={"shop": {**DUMPED, "rows": {"line": [5, 7]}}})
    rows = {} if found is None else {"line": found}
    came = {"auth_db": answers.RestoredDatabase(1, 3, {"public.user": 3}), "shop": answers.RestoredDatabase(1, 0, rows)}
    restored = answers.Restored(ID, came, ("media_files",))
    tables = evidence.tables(made, restored, at_its_mark=True)
    assert tables[-1] == evidence.Table("shop.line", "5 to 7", found, well)
    checks = evidence.checks(made, made, restored, RELEASE.name, answers.Sealed(True), answers.Gate(()))
    assert evidence.Check("databases", "auth_db, shop", "auth_db, shop", True) in checks
    stored = [StoredObject(part.key, 3, manifest.time_of(ID)) for part in made.parts]
    dumped = next(one for one in evidence.objects(made, made, stored) if one.key == DUMPED["key"])
    assert (dumped.how, dumped.well) == (evidence.READ, True)


def test_a_stack_without_postgresql_is_drilled_from_its_own_dumps(world: World) -> None:
    world.store.objects.clear()
    put(world, backup(databases={}, cluster=None, dumps={"shop": {**DUMPED, "rows": {"line": [5, 5]}}}))
    came = {"shop": answers.RestoredDatabase(1, 5, {"line": 5})}
    world.restored = answers.Restored(ID, came, ("media_files",))
    outcome, error = drilled(world)
    assert error is None and [table.name for table in outcome.tables] == ["shop.line"]
    with pytest.raises(NotFoundError, match="no backup of databases before"):
        plan.make(world.env(), to=manifest.time_of(ID) + timedelta(hours=1))
