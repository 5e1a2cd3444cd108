"""Programs that a run starts: what they say, and that each is told to end and may end in its own way."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tools.verify import child

SLOW_TO_END = """
import pathlib, signal, sys
def end(number, frame):
    pathlib.Path("ended").write_text("cleanly")
    sys.exit(1)
signal.signal(signal.SIGINT, end)
print("ready", file=sys.stderr, flush=True)
signal.pause()
"""


def run(folder: Path, code: str, timeout_s: float = 30, shows_stdout: bool = False) -> tuple[child.Ended, list[str]]:
    heard: list[str] = []
    argv = [sys.executable, "-c", code]
    ended = child.run(
        argv,
        cwd=folder,
        environment={"GREETING": "hello"},
        line=heard.append,
        timeout_s=timeout_s,
        shows_stdout=shows_stdout,
    )
    return ended, heard


def test_what_is_said_on_the_way_is_shown_and_the_answer_kept(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['GREETING']); print('one\\n\\ntwo', file=sys.stderr); sys.exit(3)"
    ended, heard = run(tmp_path, code)
    assert (ended.code, ended.out, heard) == (3, "hello\n", ["one", "two"]) and ended.heard == ("one", "two")
    ended, heard = run(tmp_path, code, shows_stdout=True)
    assert (ended.out, sorted(heard)) == ("", ["hello", "one", "two"])


def test_one_that_takes_too_long_ends_in_its_own_way(tmp_path: Path) -> None:
    with pytest.raises(child.TooLong, match="not finished"):
        run(tmp_path, SLOW_TO_END, timeout_s=2)
    assert (tmp_path / "ended").read_text() == "cleanly"


DEAF = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda number, frame: None)
print("ready", file=sys.stderr, flush=True)
time.sleep(60)
"""


def test_one_that_does_not_hear_is_killed_and_what_was_asked_of_us_is_done(tmp_path: Path) -> None:
    # what is started in the background may have it ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        child.run(
            [sys.executable, "-c", DEAF],
            cwd=tmp_path,
            environment={},
            # in the reader's thread, as a person would
            line=lambda _: os.kill(os.getpid(), signal.SIGINT),
            timeout_s=50,
            end_s=1,
        )
    assert time.monotonic() - began < 20
    assert signal.signal(signal.SIGINT, before) == signal.default_int_handler


def test_who_asks_again_is_heard_and_waits() -> None:
    before = signal.getsignal(signal.SIGINT)
    asked: list[int] = []
    with child.undisturbed(asked.append):
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
    assert asked == [signal.SIGINT, signal.SIGTERM] and signal.getsignal(signal.SIGINT) == before
