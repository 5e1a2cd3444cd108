"""What a drill compares, and how it came out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET

from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.contract.answers import Gate, Restored, Sealed
from bootstrap_agent.contract.manifest import WAL, Manifest, StoredPart

READ, LISTED = "read whole on the machine, size and SHA-256 compared", "size compared with the bucket's list"


@dataclass(frozen=True)
class Table:
    """`expected` are rows as the manifest says, a span where people wrote meanwhile; None: it says nothing of the
    moment that was asked for."""

    name: str
    expected: str | None
    found: int | None
    well: bool


@dataclass(frozen=True)
class Object:
    """`size` in bytes; `how` it was compared."""

    key: str
    size: int
    sha256: str
    how: str
    well: bool


@dataclass(frozen=True)
class Check:
    """One that does not `matter` is told, and fails no drill: another release than the backup's own."""

    what: str
    expected: str
    found: str
    well: bool
    matters: bool = True


def tables(backup: Manifest, restored: Restored, *, at_its_mark: bool) -> tuple[Table, ...]:
    """At the backup's own mark its rows are known; at another moment a table must be there."""
    found: list[Table] = []
    for database, expected in sorted(_rows(backup).items()):
        there = restored.databases[database].by_table if database in restored.databases else {}
        for table in sorted({*expected, *there}):
            rows, span = there.get(table), expected.get(table) if at_its_mark else None
            # one that came or went in the mark's own moment is in no manifest
            well = rows is not None and (span is None or span[0] <= rows <= span[1])
            found.append(Table(f"{database}.{table}", _span(span), rows, well))
    return tuple(found)


def _rows(backup: Manifest) -> Mapping[str, Mapping[str, tuple[int, int]]]:
    dumped = {name: part.rows for name, part in backup.dumped.items()}
    if backup.cluster:
        return {**backup.cluster.rows, **dumped}
    parts = backup.databases.items()
    return {**{name: {table: (rows, rows) for table, rows in part.rows.items()} for name, part in parts}, **dumped}


def _span(span: tuple[int, int] | None) -> str | None:
    if span is None:
        return None
    return str(span[0]) if span[0] == span[1] else f"{span[0]} to {span[1]}"


def objects(databases: Manifest | None, media: Manifest | None, stored: Iterable[StoredObject]) -> tuple[Object, ...]:
    """All objects of the backup; those that a restore takes were read whole by it, or it had failed."""
    sizes = {one.key: one.size for one in stored}
    newest = max((one for one in (databases, media) if one), key=lambda one: one.id)
    taken = [databases.cluster if databases else None, media.media if media else None, newest.settings]
    if databases and databases.cluster is None:
        taken += databases.databases.values()
    taken += databases.dumped.values() if databases else ()
    parts = {part.key: part for one in (databases, media) if one for part in one.parts}
    return tuple(_object(part, sizes, part in taken) for _, part in sorted(parts.items()))


def _object(part: StoredPart, sizes: Mapping[str, int], read: bool) -> Object:
    return Object(part.key, part.size, part.sha256, READ if read else LISTED, sizes.get(part.key) == part.size)


def checks(
    databases: Manifest | None, media: Manifest | None, restored: Restored, release: str, sealed: Sealed, gate: Gate
) -> tuple[Check, ...]:
    made_by = next((one.release for one in (databases, media) if one and one.release), "unknown")
    names = sorted((*databases.databases, *databases.dumped)) if databases else []
    folders = list(media.media.folders) if media and media.media else []
    came = sorted(restored.databases)
    return (
        Check("release", made_by, release, True if made_by == "unknown" else made_by == release, matters=False),
        Check("databases", ", ".join(names) or "none", ", ".join(came) or "none", names == came),
        Check(
            "media folders",
            ", ".join(folders) or "none",
            ", ".join(restored.media) or "none",
            sorted(folders) == sorted(restored.media),
        ),
        *_files(media, restored),
        Check("way out of the machine", "none", "none" if sealed.sealed else "open", sealed.sealed),
        *(Check(f"https, {one.path}", "200", one.problem or "200", one.problem is None) for one in gate.checks),
    )


def _files(media: Manifest | None, restored: Restored) -> Iterator[Check]:
    """As they were when they were stored, and as they lay on the machine's disk."""
    holds = media.media.holds if media and media.media else UNSET
    for folder, held in sorted(holds.items()) if holds is not UNSET else ():
        found = restored.holds.get(folder)
        yield Check(f"files of {folder}", str(held), str(found or "not told"), held == found)


def archived_until(databases: Manifest | None, media: Manifest | None, stored: Iterable[StoredObject]) -> datetime:
    """The newest thing that a restore could bring back: of the databases' log, else the backup itself."""
    newest = max((one for one in (databases, media) if one), key=lambda one: one.id).created_at
    if databases is None or databases.cluster is None:
        return newest
    log = f"{WAL}{databases.cluster.system}/"
    return max([newest, *(one.modified for one in stored if log in one.key)])
