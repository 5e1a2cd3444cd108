"""Databases that are no PostgreSQL: what a command of the stack writes, and the way back by another.

A command that ends with any other code than 0 is a backup that was not made, however much it wrote. A restore goes into
the running service, in place of what is there: nothing of these databases is known here that could be put beside it.
So an object is read to its end, and found whole, before the first byte of it is restored.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.evidence import Producer
from bootstrap_agent.backup.pipeline import Identity, Running, Source
from bootstrap_agent.backup.rows import bounds
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import UnreadError, child
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import RestoredDatabase
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import DumpPart, StoredPart
from bootstrap_agent.contract.stack import Dump
from bootstrap_agent.run import note
from bootstrap_agent.s3.bucket import MIB
from bootstrap_agent.waiting import until

# a server that has just been started for the first time makes its own files before it answers
READY_S = 180
COUNT_S = 1800

Rows = dict[str, int]


def back_up(name: str, dump: Dump, compose: Compose, send: Callable[[Source], StoredPart]) -> DumpPart:
    note(f"dump of {name}")
    _await_ready(name, dump, compose)
    before = _count(name, dump, compose)
    with _output(name, dump, compose) as running, _counted(name, running) as (source, written):
        part = send(source)
    rows = bounds(before, _count(name, dump, compose))
    return DumpPart(part.key, part.size, part.sha256, written(), rows)


def verify(store: BackupStore, parts: Iterable[StoredPart], identity: Callable[[], Identity]) -> None:
    """Each to its end, and nowhere: size, hash, seal and compression are right when this returns."""
    for part in parts:
        pipeline.receive(store, part, identity(), pipeline.into(("cat",)), "cat")


def restore(
    name: str, dump: Dump, part: DumpPart, compose: Compose, store: BackupStore, identity: Identity
) -> RestoredDatabase:
    """Its service is up, and whoever else writes there is stopped."""
    _await_ready(name, dump, compose)
    note(f"restore of {name}")

    def sink(content: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        # what it prints is nobody's: mysql and others are silent, and a full pipe would stop one that is not
        return compose.inside(dump.service, *dump.restore, stdin=content, stdout=subprocess.DEVNULL, stderr=errors)

    try:
        pipeline.receive(store, part, identity, sink, f"restore of {name}")
    except BackupError as error:
        remedy = "restore it again, or the backup that was made just before: `bootstrap backup list`"
        raise BackupError(f"{error.message}; {name} may be half replaced", remedy) from None
    found = _count(name, dump, compose)
    wrong = [
        f"{one} has {found.get(one, 'no')} rows, not {low if low == high else f'{low} to {high}'}"
        for one, (low, high) in sorted(part.rows.items())
        if not low <= found.get(one, -1) <= high
    ]
    if dump.count and wrong:
        raise BackupError(f"{name} was restored, and is not what it was: {wrong[0]}", "choose another backup")
    return RestoredDatabase(len(found), sum(found.values()), found)


def _await_ready(name: str, dump: Dump, compose: Compose) -> None:
    if dump.ready is None:
        return
    asked, said = dump.ready, ["it said nothing"]

    def ready() -> bool:
        done = compose.execute(dump.service, asked, error=BackupError, what=f"ready of {name}", check=False)
        said[:] = [line for line in (done.out + done.err).splitlines() if line.strip()][-1:] or said
        return done.code == 0

    def late() -> BackupError:
        return BackupError(f"{name} was not ready within {READY_S} s: {said[0]}", f"bootstrap logs {dump.service}")

    until(ready, timeout_s=READY_S, pause_s=0.5, late=late)


def _count(name: str, dump: Dump, compose: Compose) -> Rows:
    if dump.count is None:
        return {}
    what = f"count of {name}"
    said = compose.execute(dump.service, dump.count, error=BackupError, what=what, timeout_s=COUNT_S).out
    found: Rows = {}
    for line in filter(None, map(str.strip, said.splitlines())):
        table, _, rows = line.replace("\t", " ").rpartition(" ")
        if not (table and rows.isdecimal()):
            raise BackupError(
                f"{what} printed {line[:80]!r}, and not a name and a number", "see docs/your-own-stack.md"
            )
        found[table.strip()] = int(rows)
    return found


@contextmanager
def _output(name: str, dump: Dump, compose: Compose) -> Iterator[Running]:
    def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return compose.inside(dump.service, *dump.dump, stderr=errors)

    with child(start, f"dump of {name}") as running:
        yield running


@contextmanager
def _counted(name: str, running: Running) -> Iterator[tuple[Source, Callable[[], int]]]:
    """The same output, and how much it was: a command that fails behind a pipe of its own may end with 0 and an
    output of nothing."""
    process, ended = running
    assert process.stdout is not None
    output, written, unread = process.stdout, [0], list[OSError]()
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))

    def pump() -> None:
        # both are closed at the end, so that neither neighbour waits for ever
        try:
            with output, writing:
                while chunk := output.read(MIB):
                    writing.write(chunk)
                    written[0] += len(chunk)
        except OSError as error:
            unread.append(error)

    def finish() -> None:
        thread.join()
        ended()
        if unread:
            raise UnreadError(f"dump of {name} was not read to its end: {unread[0]}")
        if not written[0]:
            raise BackupError(f"dump of {name} wrote nothing", "run its `dump` by hand: bootstrap ssh")

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    try:
        yield (Producer(reading), finish), lambda: written[0]
    finally:
        reading.close()
        process.kill()
        thread.join()


def services_of(dumps: Iterable[Dump]) -> Sequence[str]:
    return list(dict.fromkeys(dump.service for dump in dumps))
