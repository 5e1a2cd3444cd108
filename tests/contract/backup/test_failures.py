"""What goes wrong while a backup is made, with PostgreSQL and an object store that are real: it is told, and there is
no backup then, or a whole one. docs/operations.md, "What can go wrong with a backup", names the test of each."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from botocore import auth

from bootstrap_agent.contract.errors import (
    BackupError,
    BootstrapError,
    CloudError,
    CredentialsError,
    NotFoundError,
    RequirementError,
)
from tests.contract.backup.conftest import ROWS, Deployed
from tests.contract.object_store.between import Fault, Request
from tests.waiting import until

pytestmark = pytest.mark.root

Rule = Callable[[Request], "Fault | None"]
DENIED = Fault(403, "AccessDenied")


def begins(request: Request, kind: str) -> bool:
    """The upload of an object whose name begins so."""
    return request.method == "POST" and request.query.startswith("uploads") and f"/{kind}" in request.path


def once(hits: Callable[[Request], bool], do: Callable[[], object]) -> Rule:
    """When the first such request comes, before it has its effect."""
    left = [do]

    def rule(request: Request) -> None:
        if left and hits(request):
            left.pop()()

    return rule


def fails(deployed: Deployed, rule: Rule, kind: type[BootstrapError], match: str) -> BootstrapError:
    """There is no backup of it, and the next one is whole."""
    deployed.proxy.rule = rule
    with pytest.raises(kind, match=match) as failure:
        deployed.back_up()
    deployed.proxy.rule = lambda _: None
    assert deployed.store.manifest_ids() == []
    made = deployed.back_up()
    assert deployed.problems() == [] and deployed.store.manifest_ids() == [made.id]
    assert deployed.store.abort_unfinished() == 0, "what the first left was given up"
    return failure.value


def test_a_backup_is_whole(deployed: Deployed) -> None:
    """Else all that follows could not fail."""
    made = deployed.back_up()
    assert deployed.store.manifest_ids() == [made.id] and deployed.problems() == []
    assert made.cluster and made.cluster.rows["auth_db"]["public.item"] == (ROWS, ROWS)


@pytest.mark.parametrize(("program", "kind"), [("pg_dump", "postgres_backup"), ("pg_basebackup", "cluster_backup")])
def test_a_dump_or_a_base_backup_that_dies_in_the_middle(deployed: Deployed, program: str, kind: str) -> None:
    def kill() -> None:
        (one,) = until(lambda: deployed.postgres.pids(program), "it has begun")
        os.kill(one, signal.SIGKILL)

    fails(deployed, once(lambda request: begins(request, kind), kill), BackupError, rf"^{program}.* failed: ")


@pytest.mark.parametrize(("program", "kind"), [("pg_dump", "postgres_backup"), ("pg_basebackup", "cluster_backup")])
def test_a_server_that_ends_their_session(deployed: Deployed, program: str, kind: str) -> None:
    def end() -> None:
        name = f"application_name = '{program}'"
        ended = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {name}"
        until(lambda: deployed.postgres.sql("postgres", ended) == "1", "it has connected")

    fails(deployed, once(lambda request: begins(request, kind), end), BackupError, rf"^{program}.* failed: ")


def test_a_database_that_crashes_in_the_middle(deployed: Deployed) -> None:
    def crash() -> None:
        deployed.postgres.stop("immediate")
        deployed.postgres.start()

    fails(deployed, once(lambda request: begins(request, "postgres_backup"), crash), BackupError, r"failed: ")


def test_a_table_that_is_dropped_between_dump_and_check(deployed: Deployed) -> None:
    """Its rows can be counted no more: rather no backup than one that nothing is compared with."""

    def drop() -> None:
        deployed.postgres.sql("ticket_db", "DROP TABLE gone")

    deployed.postgres.sql("ticket_db", "CREATE TABLE IF NOT EXISTS gone AS SELECT 1 AS n")
    missing = r'ERROR: +relation "public.gone" does not exist'
    # pg_dump of this one has ended, and with it its lock
    ended = once(lambda request: request.query.startswith("uploadId") and "ticket_db" in request.path, drop)
    fails(deployed, ended, BackupError, f"^psql in ticket_db failed: {missing}")


# what a backup asks of the bucket, in its order
REQUESTS: dict[str, Callable[[Request], bool]] = {
    "list of unfinished uploads": lambda request: request.method == "GET" and request.query.startswith("uploads"),
    "begin of the base backup": lambda request: begins(request, "cluster_backup"),
    "part of the base backup": lambda request: "partNumber" in request.query and "/cluster_backup" in request.path,
    "end of the base backup": lambda request: request.query.startswith("uploadId") and "/cluster_" in request.path,
    "the log": lambda request: "/wal/" in request.path,
    "part of a dump": lambda request: "partNumber" in request.query and "/postgres_backup" in request.path,
    "end of media": lambda request: request.query.startswith("uploadId") and "/media_" in request.path,
    "settings": lambda request: "/settings_backup" in request.path,
    "manifest": lambda request: request.method == "PUT" and "/manifest_" in request.path,
}


@pytest.mark.parametrize("what", [what for what in REQUESTS if what != "list of unfinished uploads"])
def test_a_bucket_that_refuses(deployed: Deployed, what: str) -> None:
    error = fails(
        deployed, lambda request: DENIED if REQUESTS[what](request) else None, CredentialsError, "the key is valid"
    )
    assert error.remedy


BROKEN = {
    "cut in the request": Fault(halfway=True),
    "cut in the answer": Fault(cut=10),
    "500 after it was stored": Fault(500, "InternalError", after=True),
    "slow": Fault(slow=1.5),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_connection_that_breaks_once_at_each_kind_of_request_ends_no_backup(deployed: Deployed, how: str) -> None:
    """In one backup, at the first of each."""
    left = dict(REQUESTS)

    def rule(request: Request) -> Fault | None:
        for what, hits in left.items():
            if hits(request):
                del left[what]
                return BROKEN[how]
        return None

    deployed.proxy.rule = rule
    made = deployed.back_up()
    assert left == {} and deployed.store.manifest_ids() == [made.id] and deployed.problems() == []


@pytest.mark.long
@pytest.mark.parametrize("how", ["cut in the request", "500 after it was stored", "refused"])
def test_each_request_in_turn(deployed: Deployed, how: str) -> None:
    """Whatever it is, for some minutes."""
    deployed.back_up()
    requests = len(deployed.proxy.seen)
    for which in range(1, requests + 1):
        known = deployed.store.manifest_ids()
        first = len(deployed.proxy.seen)
        if how == "refused":
            deployed.proxy.rule = lambda request, at=first + which: DENIED if request.number >= at else None  # type: ignore[misc]
            with pytest.raises(CredentialsError):
                deployed.back_up()
            assert deployed.store.manifest_ids() == known, which
        else:
            deployed.proxy.rule = lambda request, at=first + which: BROKEN[how] if request.number == at else None  # type: ignore[misc]
            wait_for_another_second(known)
            made = deployed.back_up()
            assert deployed.store.manifest_ids()[-1] == made.id and deployed.problems(made.id) == [], which


def wait_for_another_second(known: list[str]) -> None:
    """Ids are seconds."""
    while known and known[-1] >= f"{datetime.now(timezone.utc):%Y%m%d_%H%M%S}":
        continue


def test_a_bucket_that_is_deleted_in_the_middle(deployed: Deployed) -> None:
    client = deployed.server.client()

    def delete() -> None:
        deployed.server.store(deployed.bucket).delete_prefix("example_com/")
        client.delete_bucket(Bucket=deployed.bucket)

    deployed.proxy.rule = once(lambda request: begins(request, "postgres_backup"), delete)
    with pytest.raises(NotFoundError, match="there is no bucket"):
        deployed.back_up()
    with pytest.raises(NotFoundError, match="there is no bucket"):
        deployed.back_up()
    client.create_bucket(Bucket=deployed.bucket)
    assert deployed.store.manifest_ids() == []


def test_a_server_that_stays_away(deployed: Deployed) -> None:
    error = fails(
        deployed, lambda request: Fault(503) if REQUESTS["part of a dump"](request) else None, CloudError, "503"
    )
    assert error.retryable


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_a_day_wrong(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """As the signature of each request says its time."""
    right = auth.get_current_datetime
    monkeypatch.setattr(
        auth, "get_current_datetime", lambda *args, **named: right(*args, **named) + timedelta(days=days)
    )
    with pytest.raises(RequirementError, match="clock is wrong"):
        deployed.back_up()
    monkeypatch.undo()
    assert deployed.store.manifest_ids() == []


@pytest.fixture
def stored(deployed: Deployed) -> list[str]:
    """Names of all objects of a whole backup, with the log and the manifest."""
    made = deployed.back_up()
    keys = deployed.store.object_keys()
    assert len(keys) >= len(made.parts) + 2 and deployed.problems() == []
    return keys


def test_whatever_is_damaged_in_the_bucket_is_found(deployed: Deployed, stored: list[str]) -> None:
    """One bit, the end, or all of it, of each object."""
    client = deployed.server.client()
    for number, key in enumerate(stored):
        whole = client.get_object(Bucket=deployed.bucket, Key=key)["Body"].read()
        at = (number * 7919) % len(whole)
        flipped = whole[:at] + bytes([whole[at] ^ 1 << number % 8]) + whole[at + 1 :]
        for broken in (flipped, whole[: len(whole) // 2], None):
            if broken is None:
                client.delete_object(Bucket=deployed.bucket, Key=key)
            else:
                client.put_object(Bucket=deployed.bucket, Key=key, Body=broken)
            if broken is None and "/manifest_" in key:
                assert deployed.store.manifest_ids() == []
            else:
                assert any(key in problem for problem in deployed.problems()), (key, broken is None)
        client.put_object(Bucket=deployed.bucket, Key=key, Body=whole)
    assert deployed.problems() == []
