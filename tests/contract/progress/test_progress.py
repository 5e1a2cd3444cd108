"""What `ports/progress.py` promises: each voice of the console, the recorder that create puts around it, the fake."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.adapters.console import AUTO, JSON, PLAIN, Console
from bootstrap.deployment.steps import Recorded
from bootstrap.errors import HostError
from bootstrap.ports.progress import Progress
from tests.fakes.world import Quiet


@dataclass
class Subject:
    progress: Progress
    told: Callable[[], str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["plain", "terminal", "json", "recorded", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if request.param == "fake":
        fake = Quiet()
        return Subject(fake, lambda: "\n".join(fake.texts))
    err = Terminal() if request.param == "terminal" else io.StringIO()
    console = Console(io.StringIO(), err, {"terminal": AUTO, "json": JSON}.get(request.param, PLAIN))
    if request.param == "recorded":
        return Subject(Recorded(tmp_path / "journal" / "create.jsonl", console), err.getvalue)
    return Subject(console, err.getvalue)


def test_what_happens_is_told_in_its_order(subject: Subject) -> None:
    progress = subject.progress
    progress.note("before")
    with progress.step("outer"):
        progress.note("within")
        with progress.step("inner"):
            progress.warn("careful")
    progress.warn("after")
    told = subject.told()
    places = [told.index(word) for word in ("before", "within", "careful", "after")]
    assert places == sorted(places) and "outer" in told and "inner" in told
    assert told.count("warning") == 2


def test_a_failure_leaves_every_step_it_is_in_as_it_is(subject: Subject) -> None:
    progress, failure = subject.progress, HostError("no answer")
    with pytest.raises(HostError) as raised, progress.step("outer"), progress.step("inner"):
        raise failure
    assert raised.value is failure
    with progress.step("the next run"):
        progress.note("goes on")
    assert "goes on" in subject.told()


def test_text_is_told_as_it_is(subject: Subject) -> None:
    with subject.progress.step("records of a.example [www]"):
        subject.progress.note("100 % of {this} [is] <text>")
    assert "records of a.example [www]" in subject.told() and "100 % of {this} [is] <text>" in subject.told()
