from __future__ import annotations

import io
import json
import re
import time

import pytest

from bootstrap.adapters import console as module
from bootstrap.adapters.console import Console
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


class Ascii(io.TextIOWrapper):
    """A pipe under a locale without UTF-8."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", errors="strict")

    @property
    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("ascii")


def test_marks_that_the_encoding_lacks_are_spelled_out() -> None:
    out, err = Ascii(), Ascii()
    console = Console(out, err)
    with console.step("health gate: https://bücher.example"):
        console.warn("„quoted“")
    console.json({"url": "https://bücher.example/"})
    console.print("bücher")
    assert ".. health gate: https://b?cher.example" in err.text and "ok health gate" in err.text
    answer, end = json.JSONDecoder().raw_decode(out.text)
    assert answer == {"url": "https://bücher.example/"} and out.text[end:] == "\nb?cher\n"


def test_a_dumb_terminal_and_ci_get_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in (("TERM", "dumb"), ("CI", "true")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            err = Terminal()
            with Console(io.StringIO(), err).step("droplet"):
                pass
        assert "\x1b" not in err.getvalue() and re.match(r"\d\d:\d\d:\d\d … droplet\n", err.getvalue())


def test_a_step_that_says_nothing_shows_each_minute_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALIVE_S", 0.05)
    err = io.StringIO()
    console = Console(io.StringIO(), err)
    with console.step("image"), console.step("packer"):
        deadline = time.monotonic() + 5
        while "packer: still at it" not in err.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "… packer: still at it, 0." in err.getvalue()
    said = err.getvalue()
    time.sleep(0.2)
    assert err.getvalue() == said, "nothing more is said once the step is over"


def test_the_total_is_told_when_there_was_more_than_one_step() -> None:
    err = io.StringIO()
    console = Console(io.StringIO(), err)
    with console.step("one"):
        pass
    console.total()
    assert "done in" not in err.getvalue()
    with console.step("two"):
        pass
    console.total()
    assert re.search(r"done in \d+\.\d s\n$", err.getvalue())


def test_a_program_follows_by_one_object_a_line() -> None:
    err = io.StringIO()
    console = Console(io.StringIO(), err, "json")
    with pytest.raises(ValueError), console.step("certificate"):
        console.warn("slow")
        raise ValueError
    console.error(BootstrapError("it broke", "mend it"))
    events = [json.loads(line) for line in err.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["begin", "warning", "failed", "error", "hint"]
    assert events[2]["step"] == "certificate" and events[2]["seconds"] >= 0


def test_a_failure_is_the_one_document_of_json_unless_there_is_an_answer() -> None:
    out = io.StringIO()
    console = Console(out, io.StringIO())
    console.error(BootstrapError("it broke", "mend it"), as_json=True)
    assert json.loads(out.getvalue()) == {
        "error": {"class": "BootstrapError", "message": "it broke", "remedy": "mend it", "exit_code": 1}
    }
    out = io.StringIO()
    console = Console(out, io.StringIO())
    console.json({"errors": 1})
    console.error(BootstrapError("it broke"), as_json=True)
    assert json.loads(out.getvalue()) == {"errors": 1}
