"""`bootstrap import` from the laptop: what is sent when, what is refused before anything is, and what follows."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from bootstrap.errors import BackupError, ConflictError, HostError, NotFoundError, UsageError
from bootstrap.operations.create.run import create
from bootstrap.operations.importing.run import Imported, import_data
from bootstrap.operations.importing.sources import Source, parse, pieces
from bootstrap_agent.contract import answers, form
from bootstrap_agent.contract.answers import IntakeOrder
from tests.fakes.world import World

LOOK, COMMIT, UP = "1 intake look", "1 intake commit", "1 stack up"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    create(made.env())
    made.effects.calls.clear()
    return made


@pytest.fixture
def dump(tmp_path: Path) -> Source:
    (tmp_path / "auth.sql").write_text("-- a dump\n")
    return Source("auth_db", tmp_path / "auth.sql")


@pytest.fixture
def folder(tmp_path: Path) -> Source:
    (tmp_path / "files" / "below").mkdir(parents=True)
    (tmp_path / "files" / "below" / "a.txt").write_text("a")
    return Source(None, tmp_path / "files")


def asked(world: World) -> list[str]:
    return [call for call in world.effects.calls if call.startswith("1 ")]


def test_what_is_sent_and_what_follows(world: World, dump: Source, folder: Source) -> None:
    imported = import_data(world.env(), [dump], [folder])
    assert imported == Imported({"auth_db": {"public.user": 3}}, {"media_files": 2})
    sent = ["1 intake database auth_db", "1 intake media media_files"]
    assert [call for call in asked(world) if call != "1 info"] == [LOOK, *sent, COMMIT, UP, "1 backup now"]
    assert "-- a dump\n" in world.live().stdin and world.live().up


def test_what_is_not_empty_is_refused_before_anything_is_sent(world: World, dump: Source, folder: Source) -> None:
    tables = {f"public.t{n}": n for n in range(1, 6)}
    world.live().holds = ({"auth_db": tables, "ticket_db": {"public.x": 1}}, {"media_files": 7})
    full = r"not empty: database auth_db \(public.t5 5, public.t4 4, public.t3 3 rows and 2 more tables\), "
    with pytest.raises(ConflictError, match=full + r"media_files \(7 files\)") as refused:
        import_data(world.env(), [dump], [folder])
    assert "--replace" in str(refused.value.remedy) and asked(world)[-1] == LOOK
    heard: list[str] = []
    import_data(world.env(), [dump], [folder], replacing=True, confirm=heard.append)
    assert len(heard) == 1 and "7 files" in heard[0]
    assert asked(world).index("1 backup safety") < asked(world).index("1 intake database auth_db")


def test_only_what_was_seen_and_confirmed_is_replaced(world: World, dump: Source, folder: Source) -> None:
    """What people write while it loads is neither backed up nor asked about."""
    import_data(world.env(), [dump], [folder], replacing=True, confirm=pytest.fail)
    assert ordered(world) == IntakeOrder(("auth_db",), ("media_files",))
    world.live().holds = ({}, {"media_files": 7})
    import_data(world.env(), [dump], [folder], replacing=True)
    assert ordered(world) == IntakeOrder(("auth_db",), ("media_files",), replace=("media_files",))


def ordered(world: World) -> IntakeOrder:
    return form.decode([text for text in world.live().stdin if '"databases"' in text][-1], IntakeOrder)


def test_without_a_safety_backup_nothing_is_replaced_unless_that_is_said(world: World, dump: Source) -> None:
    world.live().holds = ({"auth_db": {"public.t": 1}}, {})
    world.live().no_backup = "no such bucket"
    with pytest.raises(BackupError, match=r"no safety backup: .*no such bucket"):
        import_data(world.env(), [dump], [], replacing=True)
    assert "1 intake database auth_db" not in asked(world)
    world.effects.calls.clear()
    import_data(world.env(), [dump], [], replacing=True, safely=False)
    assert COMMIT in asked(world) and "1 backup safety" not in asked(world)


def test_when_what_came_does_not_take_its_place_the_stack_is_up_again(world: World, dump: Source) -> None:
    world.effects.trips = lambda call: ConflictError("auth_db is no longer empty") if call == COMMIT else None
    with pytest.raises(ConflictError, match="no longer empty"):
        import_data(world.env(), [dump], [])
    assert asked(world)[-1] == UP


def test_a_stream_that_fails_stops_nothing(world: World, dump: Source) -> None:
    broken = HostError("agent intake database: psql failed")
    world.effects.trips = lambda call: broken if call.startswith("1 intake database") else None
    with pytest.raises(HostError, match="psql failed"):
        import_data(world.env(), [dump], [])
    assert COMMIT not in asked(world) and UP not in asked(world)


def test_what_the_droplet_is_busy_with_is_waited_for(world: World, dump: Source) -> None:
    busy = [ConflictError(f"{answers.BUSY}: bootstrap-agent backup database (pid 7)") for _ in range(2)]
    world.effects.trips = lambda call: busy.pop() if busy and call.startswith("1 intake database") else None
    import_data(world.env(), [dump], [])
    assert world.live().stdin.count("-- a dump\n") == 3 and not busy, "from its beginning each time"


@pytest.mark.parametrize(
    ("databases", "media", "error", "match"),
    [
        (["other=auth.sql"], [], NotFoundError, "the stack has no database other"),
        (["auth.sql"], [], UsageError, "auth.sql: for which database"),
        (["auth_db=auth.sql", "auth_db=auth.sql"], [], UsageError, "two sources for database auth_db"),
        ([], ["other=files"], NotFoundError, "the stack has no media folder other"),
        (["auth_db=nowhere.sql"], [], UsageError, "nowhere.sql: No such file"),
        (["auth_db=empty"], [], UsageError, "empty is empty"),
        (["auth_db=files"], [], UsageError, "files is a folder"),
        ([], ["hollow"], UsageError, "hollow is empty"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_sent(
    world: World,
    tmp_path: Path,
    dump: Source,
    folder: Source,
    databases: list[str],
    media: list[str],
    error: type[Exception],
    match: str,
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "hollow").mkdir()

    def source(text: str) -> Source:
        found = parse(text)
        return Source(found.name, tmp_path / found.path)

    with pytest.raises(error, match=match):
        import_data(world.env(), list(map(source, databases)), list(map(source, media)))
    assert not [call for call in asked(world) if "intake" in call]


def test_a_folder_is_packed_as_it_goes(folder: Source) -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces(folder.path)))) as archive:
        assert sorted(archive.getnames()) == [".", "./below", "./below/a.txt"]
        content = archive.extractfile("./below/a.txt")
        assert content and content.read() == b"a"


@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, change: str) -> None:
    file = tmp_path / "dump"
    file.write_bytes(bytes(3 << 20))
    reading = pieces(file)
    next(reading)
    with file.open("r+b") as changing:
        changing.truncate((4 if change == "longer" else 2) << 20)
    with pytest.raises(UsageError, match="changed while it was read"):
        list(reading)


def test_names() -> None:
    assert parse("shop=a=b.sql") == Source("shop", Path("a=b.sql"))
    assert parse("b.sql") == Source(None, Path("b.sql"))
