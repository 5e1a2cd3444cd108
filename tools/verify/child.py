"""Programs that the run starts: their output line by line, and their end when the run is told to end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

# of util-linux; other systems have none of it
SETPRIV = shutil.which("setpriv")
LOOK_S = 0.2
# Packer is given 300 s by bootstrap to delete its droplet
END_S = 330


@dataclass(frozen=True)
class Ended:
    """`out` is stdout, `heard` are the lines that were shown on the way."""

    code: int
    out: str
    heard: tuple[str, ...]


def _ending_with_us(argv: Sequence[str]) -> list[str]:
    """It would go on for minutes when this process is killed, without a way to the API."""
    return [*([SETPRIV, "--pdeathsig", "KILL"] if SETPRIV else []), *argv]


class TooLong(Exception):
    """It was told to end."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    line: Callable[[str], None],
    timeout_s: float,
    shows_stdout: bool = False,
    end_s: float = END_S,
) -> Ended:
    """In a session of its own: Ctrl-C reaches it once, from here. `line` hears what it says on the way: its stderr, or
    its stdout too. Told to end, it has `end_s` for that; then what was asked of us is."""
    told: list[int] = []
    # what a signal raises may come between the child and its name here, or be lost in a callback of the interpreter's
    with undisturbed(told.append):
        ended = _watched(argv, cwd, environment, line, timeout_s, shows_stdout, end_s, told)
    for number in told[:1]:
        signal.raise_signal(number)
    return ended


def _watched(
    argv: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    line: Callable[[str], None],
    timeout_s: float,
    shows_stdout: bool,
    end_s: float,
    told: Sequence[int],
) -> Ended:
    child = subprocess.Popen(
        _ending_with_us(argv),
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if shows_stdout else subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert child.stdout is not None
    heard: list[str] = []

    def hear(stream: object) -> None:
        for text in stream:  # type: ignore[attr-defined]
            if text.strip():
                heard.append(text.rstrip())
                line(text.rstrip())

    listener = threading.Thread(target=hear, args=(child.stdout if shows_stdout else child.stderr,), daemon=True)
    listener.start()
    kept: list[str] = []
    reader = threading.Thread(target=lambda: kept.append(child.stdout.read()), daemon=True)  # type: ignore[union-attr]
    if not shows_stdout:
        reader.start()
    deadline = time.monotonic() + timeout_s
    while not _is_over(child, LOOK_S):
        if told or time.monotonic() > deadline:
            _end(child, end_s)
            if not told:
                raise TooLong(f"not finished after {timeout_s / 60:.0f} min")
    for thread in (listener, *(() if shows_stdout else (reader,))):
        # a grandchild that stays may hold the pipe
        thread.join(timeout=10)
    return Ended(child.returncode, "".join(kept), tuple(heard))


def _is_over(child: subprocess.Popen[str], within_s: float) -> bool:
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(child: subprocess.Popen[str], end_s: float) -> None:
    """Whatever else is asked for waits until it has ended: it may still be making something."""
    child.send_signal(signal.SIGINT)
    if not _is_over(child, end_s):
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@contextmanager
def undisturbed(asked: Callable[[int], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM do no more than call `asked` with the signal's number."""

    def handler(number: int, frame: FrameType | None) -> None:
        asked(number)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
