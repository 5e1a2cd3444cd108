"""What a command did to a deployment, for `bootstrap history`: into the bucket where there is one, and into this
deployment's folder on this computer in any case.

It begins with the command's first step, so what ends before has done nothing. A bucket that is not there, or refuses,
is a warning: nothing that a command does depends on its history.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from bootstrap.errors import BootstrapError, NotFoundError
from bootstrap.ports.object_store import ObjectStore
from bootstrap.ports.progress import Progress
from bootstrap_agent.contract import form, history
from bootstrap_agent.contract.history import Event, Step

Figure = int | float | str


class Recorder:
    """Tells a person as `told` does, and keeps each step's time. `folder` is on this computer."""

    def __init__(
        self, kind: str, command: str, store: ObjectStore | None, prefix: str, folder: Path, told: Progress
    ) -> None:
        # asked once only: a bucket that does not answer must not keep anybody waiting
        self._store = store.hasty() if store else None
        self._prefix, self._folder, self._told = prefix, folder, told
        now = datetime.now(timezone.utc).replace(microsecond=0)
        self._clock = time.monotonic()
        self._depth, self._begun, self._refused = 0, False, False
        self._steps: list[Step] = []
        self.event = Event(id=history.new_id(kind, now), kind=kind, by=whoever(), began=now, command=command or None)

    @property
    def page(self) -> Path:
        return self._folder / f"{self.event.id}.html"

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    def since(self, moment: float) -> float:
        """Seconds from its begin to a moment of the monotonic clock."""
        return round(moment - self._clock, 2)

    # Progress

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        if not self._begun:
            self.begin()
        place, begun, failed = len(self._steps), time.monotonic(), True
        self._steps.append(Step(text, round(begun - self._clock, 2), 0.0, self._depth))
        self._depth += 1
        try:
            with self._told.step(text):
                yield
            failed = False
        finally:
            self._depth -= 1
            took = round(time.monotonic() - begun, 2)
            self._steps[place] = msgspec.structs.replace(self._steps[place], seconds=took, failed=failed)

    def note(self, text: str) -> None:
        self._told.note(text)

    def warn(self, text: str) -> None:
        self._told.warn(text)

    # the event

    def begin(self) -> None:
        """`create` says so again once it has made the bucket."""
        self._begun = True
        self._keep()
        self._write()

    def add(self, *, image: str | None = None, **figures: Figure | None) -> None:
        known = {name: value for name, value in figures.items() if value is not None}
        self.event = msgspec.structs.replace(
            self.event, image=image or self.event.image, figures={**self.event.figures, **known}
        )

    def fail(self, problem: str, outcome: str = history.FAILED) -> None:
        self.event = msgspec.structs.replace(self.event, outcome=outcome, problem=history.line(problem))

    def attach(self, page: str) -> None:
        """An HTML page, beside the event."""
        self.event = msgspec.structs.replace(self.event, page=True)
        self._save(self.page, page.encode())
        self._put(history.page_key(self._prefix, self.event.id), page.encode())

    def leave_bucket(self) -> None:
        """It was emptied on purpose."""
        self._store = None

    def end(self, error: BaseException | None) -> None:
        if not self._begun:
            return
        if error is not None and self.event.outcome is None:
            stopped = not isinstance(error, Exception)
            self.fail(_said(error), history.INTERRUPTED if stopped else history.FAILED)
        self.event = msgspec.structs.replace(
            self.event,
            ended=datetime.now(timezone.utc).replace(microsecond=0),
            outcome=self.event.outcome or history.OK,
            steps=tuple(self._steps[-history.STEPS :]),
        )
        self._keep()
        self._write()

    def _write(self) -> None:
        self._put(history.event_key(self._prefix, self.event.id), _encoded(self.event))

    def _put(self, key: str, data: bytes) -> None:
        if self._store is None:
            return
        try:
            self._store.write(key, data)
        except NotFoundError:
            # no bucket yet, or no more
            return
        except BootstrapError as error:
            if not self._refused:
                self._told.warn(f"the history is kept on this computer only: {error.message}")
            self._refused = True

    def _keep(self) -> None:
        self._save(self._folder / f"{self.event.id}.json", _encoded(self.event))

    def _save(self, path: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = path.with_name(f".{path.name}")
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            beside.replace(path)
            _prune(self._folder)
        except OSError as error:
            self._told.warn(f"the history is not kept on this computer: {path}: {error.strerror}")


def folder_of(state_dir: Path, prefix: str) -> Path:
    """Of the deployment whose objects lie under `prefix`: a drill has its machines' names for itself, and no history
    of its own."""
    return state_dir / prefix / "history"


def _prune(folder: Path) -> None:
    names = {path: event_id for path in folder.iterdir() if (event_id := history.id_of(path.name))}
    gone = history.expired(names.values(), datetime.now(timezone.utc))
    for path, event_id in names.items():
        if event_id in gone:
            path.unlink(missing_ok=True)


def _encoded(event: Event) -> bytes:
    return form.encode(event, indent=1).encode()


def _said(error: BaseException) -> str:
    if isinstance(error, BootstrapError):
        return error.message
    return type(error).__name__ if not str(error) else f"{type(error).__name__}: {error}"


def whoever() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        # a user without a name, as in a container
        return f"{os.getuid()}@{socket.gethostname()}"
