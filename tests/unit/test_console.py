from __future__ import annotations

import io
import json
import re

import pytest

from bootstrap.console import Console
from bootstrap.errors import BootstrapError, Cancelled


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_lines_with_the_time_and_stdout_only_the_answer() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err)
    with console.step("data volume"):
        console.note("[not markup]")
    console.json({"url": "https://bücher.example/"})
    lines = err.getvalue().splitlines()
    assert len(lines) == 3 and all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert "✓ data volume (" in lines[2] and "\x1b" not in err.getvalue()
    assert json.loads(out.getvalue()) == {"url": "https://bücher.example/"}


def test_a_failure_inside_marks_the_step() -> None:
    err = io.StringIO()
    with pytest.raises(ValueError), Console(io.StringIO(), err).step("certificate"):
        raise ValueError
    assert "✗ certificate" in err.getvalue()


def test_a_terminal_gets_nested_steps_and_brackets_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    err = Terminal()
    console = Console(io.StringIO(), err)
    with console.step("outer [bold]"), console.step("inner"):
        console.warn("careful [red]")
    console.error(BootstrapError("it broke", "mend it"))
    text = err.getvalue()
    assert "outer [bold]" in text and "careful [red]" in text and "✓ inner" in text
    assert text.index("error: it broke") < text.index("hint: mend it")


@pytest.mark.parametrize("answer", ["y\n", "", "other.example\n"])
def test_only_the_name_is_a_yes(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(Cancelled):
        Console(io.StringIO(), io.StringIO()).confirm("a.example", "delete it")
    monkeypatch.setattr("sys.stdin", io.StringIO("a.example\n"))
    Console(io.StringIO(), io.StringIO()).confirm("a.example", "delete it")
