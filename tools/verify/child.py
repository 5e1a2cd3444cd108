"""Programs that the run starts: their output line by line, and their end when the run is told to end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

# prctl(2); other systems have none of it
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# Packer is given 300 s by bootstrap to delete its droplet
END_S = 330


@dataclass(frozen=True)
class Ended:
    """`out` is stdout, `heard` are the lines that were shown on the way."""

    code: int
    out: str
    heard: tuple[str, ...]


def _end_with_us() -> None:
    """In the child: it goes on for minutes otherwise when this process is killed, without a way to the API."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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
) -> Ended:
    """In a session of its own: Ctrl-C reaches it once, from here. `line` hears what it says on the way: its stderr, or
    its stdout too."""
    child = subprocess.Popen(
        argv,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if shows_stdout else subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_end_with_us,
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
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        _end(child)
        raise TooLong(f"not finished after {timeout_s / 60:.0f} min") from None
    except BaseException:
        _end(child)
        raise
    for thread in (listener, *(() if shows_stdout else (reader,))):
        # a grandchild that stays may hold the pipe
        thread.join(timeout=10)
    return Ended(child.returncode, "".join(kept), tuple(heard))


def _end(child: subprocess.Popen[str]) -> None:
    """Whatever else is asked for waits until it has ended: it may still be making something."""
    with undisturbed(lambda: None):
        child.send_signal(signal.SIGINT)
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@contextmanager
def undisturbed(asked: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM do no more than call `asked`."""

    def handler(number: int, frame: FrameType | None) -> None:
        asked()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
