"""The only module that talks to a person.

The rules of the terminal:
- the answer of a command goes to stdout, everything said on the way to stderr, so `--json` can be piped
- lower case, no full stop; `error:`, `hint:` and `warning:` each start a line of their own
- a terminal gets colour and a spinner; a pipe or CI gets plain lines with the time of day
- a step shows how long it took, and a failure inside marks it
- a secret never comes here
- rich is imported only when a terminal needs it: `bootstrap --help` stays fast
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from bootstrap.errors import BootstrapError, Cancelled

if TYPE_CHECKING:
    from rich.console import Console as RichConsole


class Console:
    """Implements `ports.progress.Progress`."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._fancy = self._err.isatty() and not os.environ.get("CI")
        self._depth = 0

    @cached_property
    def _rich(self) -> RichConsole:
        from rich.console import Console as RichConsole

        return RichConsole(file=self._err, highlight=False)

    # on the way: stderr

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        start = time.monotonic()
        indent = "  " * self._depth
        # rich shows one live line at a time: the outermost step owns it
        live = self._rich.status(_plain(text)) if self._fancy and self._depth == 0 else nullcontext()
        if not self._fancy:
            self._say(f"{indent}… {text}")
        self._depth += 1
        try:
            with live:
                yield
        except BaseException:
            self._say(f"{indent}✗ {text} ({_duration(start)})", style="red")
            raise
        else:
            self._say(f"{indent}✓ {text} ({_duration(start)})", style="green")
        finally:
            self._depth -= 1

    def note(self, text: str) -> None:
        self._say("  " * self._depth + text)

    def warn(self, text: str) -> None:
        self._say(f"warning: {text}", style="yellow")

    def hint(self, text: str) -> None:
        self._plain_line(f"hint: {text}", style="cyan")

    def error(self, error: BootstrapError) -> None:
        self._plain_line(f"error: {error.message}", style="bold red")
        if error.remedy:
            self.hint(error.remedy)

    # the answer: stdout

    def json(self, value: Any) -> None:
        self.print(json.dumps(value, indent=2, ensure_ascii=False))

    def print(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Columns as wide as their widest cell: readable on a terminal and easy for awk."""
        lines = [list(header), *([str(cell) for cell in row] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        for line in lines:
            self.print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def confirm(self, name: str, what: str) -> None:
        """Asks for `name` to be typed, as a `y` is typed too easily; raises Cancelled otherwise."""
        self._err.write(f"this will {what}\ntype {name} to go on: ")
        self._err.flush()
        if sys.stdin.readline().strip() != name:
            raise Cancelled("nothing was changed: the answer was not the domain's name", "--yes skips the question")

    def _say(self, text: str, style: str | None = None) -> None:
        if not self._fancy:
            text = f"{time.strftime('%H:%M:%S')} {text}"
        self._plain_line(text, style)

    def _plain_line(self, text: str, style: str | None = None) -> None:
        if self._fancy:
            self._rich.print(text, style=style, markup=False)
        else:
            print(text, file=self._err, flush=True)


def _plain(text: str) -> str:
    """`status` reads markup: brackets in a text are only brackets."""
    return text.replace("[", r"\[")


def _duration(start: float) -> str:
    seconds = time.monotonic() - start
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
