"""Who may log in: on the droplet, in the account for every later one, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.deployment import hostkeys, people
from bootstrap.errors import ConflictError, CredentialsError, NotFoundError, UsageError
from bootstrap.operations import access, destroy, history
from bootstrap.operations.create.run import create
from bootstrap.operations.redeploy.rollback import rollback
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.ports.cloud import SSHKey
from tests.fakes.cloud import Killed
from tests.fakes.world import World

ADA, GRACE = (f"{hostkeys.generate().public.strip()}" for _ in range(2))


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    create(made.env())
    return made


def keys(text: str, name: str | None = None) -> list[people.PublicKey]:
    return people.parse(text, "x.pub", name)


def names(found: list[access.Person]) -> list[tuple[str, bool, bool]]:
    return [(one.name, one.here, one.later) for one in found]


def log_in(world: World) -> set[str]:
    return {" ".join(line.split()[:2]) for line in world.live().let_in}


def test_who_is_let_in_is_so_at_once_and_on_every_later_droplet(world: World) -> None:
    (own,) = access.listed(world.env())
    assert (own.own, own.here, own.later) == (True, True, False)
    added = access.add(world.env(), keys(f"# a comment\n{ADA} ada@laptop\n"))
    assert added == access.listed(world.env())
    # and whoever could log in before
    assert names(added) == [(own.name, True, True), ("ada@laptop", True, True)]
    assert ADA in log_in(world)
    access.add(world.env(), keys(f"{ADA} ada@laptop"))
    assert len(world.live().let_in) == len(world.cloud.ssh_keys()) == 2

    before = world.live()
    redeploy(world.env())
    assert world.live() is not before and {ADA, own.public} == log_in(world)
    assert names(access.listed(world.env())) == names(added)
    assert world.live().deployment.domain == "example.com"


def test_from_another_computer_the_first_one_is_still_let_in(world: World, tmp_path: Path) -> None:
    (first,) = access.listed(world.env())
    access.add(world.env(), keys(f"{ADA} ada"))
    world.settings = world.settings.model_copy(update={"ssh_key": tmp_path / "of-ada"})
    redeploy(world.env())
    assert {first.public, ADA} < log_in(world)


def test_who_is_let_go_is_so_here_and_later(world: World) -> None:
    access.add(world.env(), [*keys(ADA, "ada"), *keys(GRACE, "grace")])
    (gone,) = access.remove(world.env(), "ada")
    assert gone.fingerprint == people.sha256(ADA)
    access.remove(world.env(), people.sha256(GRACE))
    redeploy(world.env())
    assert not {ADA, GRACE} & log_in(world)
    assert [key.name for key in world.cloud.ssh_keys() if key.name.startswith(people.NAMED)] == []
    with pytest.raises(NotFoundError, match="nobody is called ada"):
        access.remove(world.env(), "ada")


def test_a_droplet_that_was_kept_lets_in_whom_the_one_does_that_it_takes_over_from(world: World) -> None:
    access.add(world.env(), keys(ADA, "ada"))
    redeploy(world.env(), keep_old=True)
    access.remove(world.env(), "ada")
    access.add(world.env(), keys(GRACE, "grace"))
    rollback(world.env())
    (own,) = (one for one in access.listed(world.env()) if one.own)
    assert log_in(world) == {own.public, GRACE}


@pytest.mark.parametrize("killed", ["2 secrets put", "snapshot volume", "1 timers disable", "1 handover"])
def test_nor_does_the_candidate_of_a_redeploy_that_was_killed(world: World, killed: str) -> None:
    access.add(world.env(), keys(ADA, "ada"))
    world.effects.trips = lambda name: Killed() if name.startswith(killed) else None
    with pytest.raises(Killed):
        redeploy(world.env())
    world.effects.trips = lambda _: None
    access.remove(world.env(), "ada")
    access.add(world.env(), keys(GRACE, "grace"))
    redeploy(world.env())
    assert {ADA, GRACE} & log_in(world) == {GRACE}


def test_an_earlier_image_that_knows_no_access_is_told_of_and_goes_live(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    redeploy(world.env(), keep_old=True)
    older = UsageError("agent access: no such command")
    world.effects.trips = lambda name: older if name.startswith("1 access") else None
    warned: list[str] = []
    monkeypatch.setattr(world.progress, "warn", warned.append)
    rollback(world.env())
    assert [text for text in warned if "knows no access" in text] and world.live().name == "1"


def test_nobody_saws_off_the_branch_that_bootstrap_sits_on(world: World) -> None:
    (own,) = access.listed(world.env())
    with pytest.raises(ConflictError, match="with which bootstrap logs in"):
        access.remove(world.env(), own.fingerprint)
    assert own.public in log_in(world)


def test_a_key_that_lets_into_another_deployment_stays_in_the_account(world: World) -> None:
    access.add(world.env(), keys(ADA, "ada"))
    md5 = keys(ADA)[0].fingerprint.replace(":", "-")
    world.cloud.create_tag(f"bootstrap:other_example:access:{md5}")
    access.remove(world.env(), "ada")
    assert [key.name for key in world.cloud.ssh_keys() if key.name.startswith(people.NAMED)] == ["bootstrap-access-ada"]


def named(world: World) -> list[str]:
    return [key.name for key in world.cloud.ssh_keys() if key.name.startswith(people.NAMED)]


def test_destroy_lets_nobody_in_any_more_and_takes_their_keys_out_of_the_account(world: World) -> None:
    others = {key.name for key in world.cloud.ssh_keys()}
    access.add(world.env(), [*keys(ADA, "ada"), *keys(GRACE, "grace")])
    md5 = keys(GRACE)[0].fingerprint.replace(":", "-")
    world.cloud.create_tag(f"bootstrap:other_example:access:{md5}")
    gone = destroy.destroy(world.env(), volume=True, backups=False)
    assert gone.keys_deleted == ("ada",) and named(world) == ["bootstrap-access-grace"]
    assert others < {key.name for key in world.cloud.ssh_keys()}, "what did not come by `access add` stays"
    tags = [tag for tag in world.cloud.tags("bootstrap:") if ":access:" in tag]
    assert tags == [f"bootstrap:other_example:access:{md5}"]


def test_a_destroy_that_was_killed_between_key_and_tag_is_completed(world: World) -> None:
    access.add(world.env(), [*keys(ADA, "ada"), *keys(GRACE, "grace")])
    world.effects.trips = lambda name: Killed() if name.startswith("delete ssh key") else None
    with pytest.raises(Killed):
        destroy.destroy(world.env(), volume=True, backups=False)
    world.effects.trips = lambda _: None
    destroy.destroy(world.env(), volume=True, backups=False)
    assert named(world) == [] and not [tag for tag in world.cloud.tags("bootstrap:") if ":access:" in tag]


def test_a_token_that_may_not_see_keys_destroys_all_the_same_and_says_what_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    access.add(world.env(), keys(ADA, "ada"))

    def forbidden() -> list[SSHKey]:
        raise CredentialsError("GET account/keys: You are not authorized (HTTP 403)")

    monkeypatch.setattr(world.cloud, "ssh_keys", forbidden)
    assert destroy.destroy(world.env(), volume=True, backups=False).keys_deleted == ()
    assert any("bootstrap-access-" in text and "HTTP 403" in text for text in world.progress.texts)
    assert any(keys(ADA)[0].fingerprint in text for text in world.progress.texts), "its tag was the only trace"
    assert [tag for tag in world.cloud.tags("bootstrap:") if ":access:" in tag] == []


def test_who_did_it_from_where_is_in_the_history(world: World) -> None:
    access.add(world.env(), keys(ADA, "ada lovelace"))
    access.remove(world.env(), "ada lovelace")
    events = [one.event for one in history.happened(world.env(), kinds=("access",))]
    figures = {name: value for event in events for name, value in event.figures.items()}
    assert figures == {"let_in": "ada-lovelace", "let_go": "ada-lovelace"}
    assert all("@" in event.by and event.outcome == "ok" for event in events)
    assert ADA.split()[1] not in str(events)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no public SSH key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "is a private key"),
        (f'command="sh" {ADA}', "holds a line that is no public SSH key"),
        ("ssh-ed25519 AAAA", "holds a line that is no public SSH key"),
        (ADA.replace("ssh-ed25519", "ssh-rsa", 1), "holds a line that is no public SSH key"),
        (ADA[:-8], "holds a line that is no public SSH key"),
    ],
    # keys of each process's own
    ids=["nothing", "private", "with a command", "too short", "of another kind", "cut"],
)
def test_what_is_no_public_key_is_refused_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        keys(text)
    assert said in refused.value.message and "AAAA" not in refused.value.message
