"""The only module that talks to a person.

The rules of the terminal:
- the answer of a command goes to stdout, everything said on the way to stderr, so `--json` can be piped
- `--json`: one document on stdout, whatever happens; a failure is `{"error": …}` there and its line on stderr too
- lower case, no full stop; `error:`, `hint:`, `warning:` and `command:` each start a line of their own
- a terminal gets colour (but for NO_COLOR) and a live line; a pipe, CI or TERM=dumb get plain lines with the time
- a step shows how long it took, and a failure inside marks it; where there is no live line, each silent minute is told
- marks that the stream's encoding lacks are spelled in ASCII
- a secret never comes here
- rich is imported only when a terminal needs it: `bootstrap --help` stays fast
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TextIO

from bootstrap.errors import BootstrapError, Cancelled

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.live import Live
    from rich.text import Text

ALIVE_S = 60
AUTO, PLAIN, JSON = "auto", "plain", "json"
LAST_WORDS = ("error", "hint", "command")


class _Voice(Protocol):
    """How what happens on the way is told."""

    def begin(self, text: str) -> None: ...
    def end(self, text: str, seconds: float, failed: bool) -> None: ...
    def say(self, kind: str, text: str) -> None:
        """`kind`: note, warning, error, hint, command or total."""


class Console:
    """Implements `ports.progress.Progress`."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, progress: str = AUTO) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._answered = False
        # whether the child process that failed is shown
        self.debug = False
        # what the person typed
        self.words: Sequence[str] = ()
        self._began: float | None = None
        self._depth = self._steps = 0
        self.progress(progress)

    def progress(self, how: str) -> None:
        terminal = self._err.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
        self._voice: _Voice
        if how == JSON:
            self._voice = _Events(self._err)
        elif how == AUTO and terminal:
            self._voice = _Terminal(self._err)
        else:
            self._voice = _Lines(self._err)

    # on the way: stderr

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        start = time.monotonic()
        self._began = self._began or start
        self._steps += self._depth == 0
        self._depth += 1
        self._voice.begin(text)
        failed = True
        try:
            yield
            failed = False
        finally:
            self._depth -= 1
            self._voice.end(text, time.monotonic() - start, failed)

    def note(self, text: str) -> None:
        self._voice.say("note", text)

    def warn(self, text: str) -> None:
        self._voice.say("warning", text)

    def hint(self, text: str) -> None:
        self._voice.say("hint", text)

    def error(self, error: BootstrapError, as_json: bool = False) -> None:
        if as_json and not self._answered:
            self.json({"error": described(error)})
        self._voice.say("error", error.message)
        if error.remedy:
            self.hint(error.remedy)

    def command(self, line: str) -> None:
        """The child process that failed, for whoever wants to run it by hand."""
        self._voice.say("command", line)

    def total(self) -> None:
        """How long all steps took; one step has said so itself."""
        if self._began is not None and self._steps > 1:
            self._voice.say("total", f"done in {_duration(time.monotonic() - self._began)}")

    # the answer: stdout

    def json(self, value: Any) -> None:
        self.print(json.dumps(value, indent=2, ensure_ascii=not _can(self._out, "é")))

    def print(self, text: str = "") -> None:
        self._answered = True
        print(_fit(self._out, text), file=self._out, flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Columns as wide as their widest cell: readable on a terminal and easy for awk."""
        lines = [list(header), *([str(cell) for cell in row] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        for line in lines:
            self.print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def mark(self, mark: str, plain: str) -> str:
        """`mark`, or `plain` where stdout cannot show it."""
        return mark if _can(self._out, mark) else plain

    def confirm(self, name: str, what: str) -> None:
        """Asks for `name` to be typed, as a `y` is typed too easily; raises Cancelled otherwise."""
        self._err.write(f"this will {what}\ntype {name} to continue: ")
        self._err.flush()
        if sys.stdin.readline().strip() != name:
            raise Cancelled("nothing was changed: the answer was not the domain's name", "--yes skips the question")


def described(error: BootstrapError) -> dict[str, Any]:
    return {
        "class": type(error).__name__,
        "message": error.message,
        "remedy": error.remedy,
        "exit_code": error.exit_code,
    }


class _Lines:
    """For CI and pipes: the time of day, and a sign of life for each silent minute."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._marks = stream, _Marks(stream)
        self._steps: list[tuple[str, float]] = []
        self._lock = threading.Lock()
        self._said = 0.0
        self._over = threading.Event()

    def begin(self, text: str) -> None:
        self._print(f"{self._marks.begun} {text}")
        self._steps.append((text, time.monotonic()))
        if len(self._steps) == 1:
            self._over = threading.Event()
            threading.Thread(target=self._live, args=(self._over,), daemon=True).start()

    def end(self, text: str, seconds: float, failed: bool) -> None:
        self._steps.pop()
        if not self._steps:
            self._over.set()
        self._print(f"{self._marks.failed if failed else self._marks.done} {text} ({_duration(seconds)})")

    def say(self, kind: str, text: str) -> None:
        if kind in LAST_WORDS:
            # for whoever searches a log, at the start of the line
            self._write(f"{kind}: {text}")
        else:
            self._print(f"warning: {text}" if kind == "warning" else text)

    def _live(self, over: threading.Event) -> None:
        while not over.wait(self._said + ALIVE_S - time.monotonic()):
            steps = list(self._steps)
            if steps and time.monotonic() - self._said >= ALIVE_S:
                text, began = steps[-1]
                self._print(f"{self._marks.begun} {text}: still at it, {_duration(time.monotonic() - began)}")

    def _print(self, text: str) -> None:
        self._write(f"{time.strftime('%H:%M:%S')} {'  ' * len(self._steps)}{text}")

    def _write(self, line: str) -> None:
        with self._lock:
            self._said = time.monotonic()
            print(_fit(self._stream, line), file=self._stream, flush=True)


class _Terminal:
    """A live line while something runs: for how long, and what; it leaves the finished steps above it."""

    _STYLES: ClassVar = {"warning": "yellow", "error": "bold red", "hint": "cyan", "total": "bold"}

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._marks = stream, _Marks(stream)
        self._steps: list[tuple[str, float]] = []
        self._line: Live | None = None
        self._console: RichConsole | None = None

    def begin(self, text: str) -> None:
        self._steps.append((text, time.monotonic()))
        if self._line is None:
            from rich.live import Live

            self._line = Live(get_renderable=self._now, console=self._rich, refresh_per_second=8, transient=True)
            self._line.start()

    def end(self, text: str, seconds: float, failed: bool) -> None:
        self._steps.pop()
        mark = self._marks.failed if failed else self._marks.done
        if not self._steps and self._line is not None:
            self._line.stop()
            self._line = None
        self._print(f"{mark} {text} ({_duration(seconds)})", "red" if failed else "green")

    def say(self, kind: str, text: str) -> None:
        if kind in LAST_WORDS:
            last = _fit(self._stream, f"{kind}: {text}")
            self._rich.print(last, style=self._STYLES.get(kind), markup=False, soft_wrap=True)
        else:
            self._print(f"warning: {text}" if kind == "warning" else text, self._STYLES.get(kind))

    def _print(self, text: str, style: str | None = None) -> None:
        line = _fit(self._stream, f"{'  ' * len(self._steps)}{text}")
        # a long line is the terminal's to wrap: a command that is copied from it stays one line
        self._rich.print(line, style=style, markup=False, soft_wrap=True)

    @property
    def _rich(self) -> RichConsole:
        if self._console is None:
            from rich.console import Console as RichConsole

            self._console = RichConsole(file=self._stream, highlight=False)
        return self._console

    def _now(self) -> Text:
        from rich.text import Text

        steps = list(self._steps)
        if not steps:
            return Text("")
        now = time.monotonic()
        frame = self._marks.frames[int(now * 8) % len(self._marks.frames)]
        # the time first: what does not fit into a narrow terminal is the end of the words
        words = f"{frame} {_seconds(now - steps[0][1])}  {self._marks.within.join(text for text, _ in steps)}"
        return Text(_fit(self._stream, words), no_wrap=True, overflow="crop")


class _Events:
    """For a program that follows: one JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, text: str) -> None:
        self._emit(event="begin", step=text)

    def end(self, text: str, seconds: float, failed: bool) -> None:
        self._emit(event="failed" if failed else "done", step=text, seconds=round(seconds, 3))

    def say(self, kind: str, text: str) -> None:
        self._emit(event=kind, text=text)

    def _emit(self, **fields: object) -> None:
        print(json.dumps({"time": round(time.time(), 3), **fields}), file=self._stream, flush=True)


class _Marks:
    """What the stream can show."""

    def __init__(self, stream: TextIO) -> None:
        rich = _can(stream, "…✓✗→⠋")
        self.begun, self.done, self.failed = ("…", "✓", "✗") if rich else ("..", "ok", "FAILED")
        self.within = " → " if rich else " > "
        self.frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if rich else "|/-\\"


def _can(stream: TextIO, text: str) -> bool:
    """An io.StringIO has no encoding and shows everything."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _fit(stream: TextIO, text: str) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _seconds(seconds: float) -> str:
    """For a line that is drawn again and again: it must not grow and shrink."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"
