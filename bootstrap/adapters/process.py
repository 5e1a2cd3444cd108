"""Child processes: run in one way, and shown as one line that a person can paste into a shell (`--debug`)."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bootstrap.errors import BootstrapError

E = TypeVar("E", bound=BootstrapError)


@dataclass(frozen=True)
class Done:
    """What a child left. `code` is its exit code, negative for a signal; None: it was ended at its deadline."""

    argv: tuple[str, ...]
    code: int | None
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
    errors: str = "replace",
) -> Done:
    """`env` comes on top of this process's own. OSError when the program cannot be started."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors=errors,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return Done(tuple(argv), None, "", "")
    return Done(tuple(argv), done.returncode, done.stdout, done.stderr)


def feed(argv: Sequence[str], pieces: Iterable[bytes], *, timeout_s: float) -> Done:
    """A child that reads `pieces` as they come; what it prints is small, and kept. It has `timeout_s` once all is sent.
    One that reads no further is asked why; when `pieces` raises, or the time is over, it is ended."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out, stderr=err) as child:
            assert child.stdin is not None
            try:
                with suppress(BrokenPipeError), child.stdin as stdin:
                    for piece in pieces:
                        stdin.write(piece)
                code: int | None = child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                child.kill()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
    return Done(tuple(argv), code, *said)


def line(argv: Sequence[str], secrets: Iterable[str] = ()) -> str:
    """Quoted for a shell; `secrets` are names of environment variables whose values are for nobody to see."""
    return " ".join([*(f"{name}=[secret]" for name in secrets), shlex.join(argv)])


def blamed(error: E, command: str) -> E:
    """The error, with the line of the child that failed."""
    error.command = command
    return error


def failed_command(error: BaseException | None) -> str | None:
    """Of the error, or of the first below it that has one: a use case may say it in other words."""
    while error is not None:
        if isinstance(error, BootstrapError) and error.command:
            return error.command
        error = error.__cause__ or error.__context__
    return None


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
