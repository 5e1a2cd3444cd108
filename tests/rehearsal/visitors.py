"""People who go on using a site while something happens to it, and what became of each of their requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.rehearsal.conftest import Site

# below what a site lets one address ask
PAUSE_S = 0.25
# browsers wait longer
PATIENCE_S = 60.0

# asks once; says what was wrong with the answer, if anything
Visit = Callable[[], str | None]


@dataclass
class Seen:
    """`longest_s` is how long the most patient of them waited for an answer that was right."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    longest_s: float = 0.0


@contextmanager
def busy(*visits: Visit, at_most_s: float = 300, patience_s: float = PATIENCE_S) -> Iterator[Seen]:
    """Each visit again and again, side by side with the others, until the block ends."""
    seen, lock, stop = Seen(), threading.Lock(), threading.Event()
    deadline = time.monotonic() + at_most_s

    def go_on(visit: Visit) -> None:
        while not stop.wait(PAUSE_S) and time.monotonic() < deadline:
            began = time.monotonic()
            try:
                wrong = visit()
            except httpx.HTTPError as error:
                wrong = f"{type(error).__name__}: {error}"
            waited = time.monotonic() - began
            with lock:
                if wrong:
                    seen.failed.append(f"after {waited:.1f} s: {wrong}")
                else:
                    seen.answered, seen.longest_s = seen.answered + 1, max(seen.longest_s, waited)

    threads = [threading.Thread(target=go_on, args=(visit,), daemon=True) for visit in visits]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=patience_s + 10)
        assert not any(thread.is_alive() for thread in threads), "a visitor is still waiting"


def reads(site: Site, path: str, patience_s: float = PATIENCE_S) -> Visit:
    """A new visitor each time."""

    def visit() -> str | None:
        answer = site.request("GET", path, timeout=patience_s)
        return None if answer.status_code == 200 else f"{path}: {answer.status_code}"

    return visit
