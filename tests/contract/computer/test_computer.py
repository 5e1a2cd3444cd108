"""What `ports/computer.py` promises: this computer, with programs and a server of the test, and the fake."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest

from bootstrap.adapters import computer as adapter
from bootstrap.adapters.computer import ThisComputer
from bootstrap.errors import HostError
from bootstrap.ports.computer import Computer
from tests.fakes.computer import FakeComputer
from tests.loopback import own

BEHIND_S = 1000.0


@dataclass
class Clock:
    """A server whose clock is behind; `date` is what it answers instead."""

    url: str
    date: str | None = None


@pytest.fixture
def clock() -> Iterator[Clock]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(200)
            date = formatdate(time.time() - BEHIND_S, usegmt=True) if clock.date is None else clock.date
            if date:
                self.send_header("date", date)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    clock = Clock(f"http://127.0.0.1:{server.server_address[1]}/")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield clock
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Subject:
    computer: Computer
    # one that answers, BEHIND_S ago, and the same where nobody does
    url: str
    alone: Computer
    nowhere: str


@pytest.fixture(params=["this", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    if request.param == "fake":
        fake, url = FakeComputer(absent=("no-such",), ahead_s=BEHIND_S), "https://api.example"
        return Subject(fake, url, FakeComputer(ahead_s=None), url)
    clock: Clock = request.getfixturevalue("clock")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path, "tool", "echo tool 1.0; echo built today")
    this = ThisComputer()
    return Subject(this, clock.url, this, f"http://{own(87)}:9/")


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_program_says_its_first_line_and_an_absent_one_nothing(subject: Subject) -> None:
    assert subject.computer.has("tool") and subject.computer.says("tool", "--version") == "tool 1.0"
    assert not subject.computer.has("no-such") and subject.computer.says("no-such", "--version") is None


def test_a_folder_that_is_not_there_yet_is_judged_and_not_made(subject: Subject, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert subject.computer.may_write(folder) and subject.computer.may_write(tmp_path)
    assert subject.computer.free_bytes(folder) > 0
    assert not folder.parent.exists()


def test_it_knows_its_python(subject: Subject) -> None:
    assert len(subject.computer.python()) == 3 and subject.computer.python() >= (3, 10)


def test_a_clock_that_is_ahead_is_told_by_how_much(subject: Subject) -> None:
    assert subject.computer.clock_ahead_s(subject.url) == pytest.approx(BEHIND_S, abs=2)


def test_nobody_who_knows_the_time_is_retryable(subject: Subject) -> None:
    with pytest.raises(HostError) as failure:
        subject.alone.clock_ahead_s(subject.nowhere)
    assert failure.value.retryable and subject.nowhere in failure.value.message and failure.value.remedy


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo OpenSSH_9.2 >&2; exit 1", "OpenSSH_9.2"),
        (r"printf '\n  \n\377 1.0\n'", "\ufffd 1.0"),
        ("exit 0", None),
        ("exec sleep 60", None),
    ],
)
def test_what_a_real_program_may_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str | None
) -> None:
    monkeypatch.setattr(adapter, "_ANSWER_S", 0.5)
    program(tmp_path, "tool", script)
    assert ThisComputer().says(str(tmp_path / "tool")) == said


def test_nothing_can_be_made_below_a_file(tmp_path: Path) -> None:
    program(tmp_path, "tool", "true")
    assert not ThisComputer().may_write(tmp_path / "tool" / "folder")


@pytest.mark.parametrize("date", ["", "half past three"])
def test_a_server_that_tells_no_time_is_asked_in_vain(clock: Clock, date: str) -> None:
    clock.date = date
    with pytest.raises(HostError, match="sends no date"):
        ThisComputer().clock_ahead_s(clock.url)
