"""One run at a time: on this computer, where the kernel gives a lock back however its holder ends, and on all others,
which see a tag (`claim.py`)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootstrap.deployment import claim
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.recorder import Recorder, folder_of
from bootstrap.errors import ConflictError


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[None]:
    """ConflictError with the message `busy` when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(busy, "wait until it has ended") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(env: Environment, operation: str = "") -> Iterator[Environment]:
    """One change of a deployment at a time; ConflictError when it is another's turn, which then hears of `operation`,
    the command that works. Whatever a command decides by what
    is there, it decides in here, and it works with the environment that this gives: no step of it begins once the lock
    is somebody else's. What it does goes into the deployment's history."""
    busy = f"another run of bootstrap works on {env.settings.domain} from this computer"
    with exclusive(env.folder / "lock", busy), claim.held(env, operation) as held, _recorded(held, operation) as own:
        yield own


@contextmanager
def _recorded(env: Environment, operation: str) -> Iterator[Environment]:
    prefix = env.settings.prefix
    kind, folder = operation or "command", folder_of(env.state_dir, prefix)
    recorder = Recorder(kind, env.command, env.store, prefix, folder, env.progress)
    error: BaseException | None = None
    try:
        yield replace(env, progress=recorder, recorder=recorder)
    except BaseException as raised:
        error = raised
        raise
    finally:
        recorder.end(error)
