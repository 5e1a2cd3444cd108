"""Tells a person, while it happens, for how long visitors wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap.ports.progress import Progress
from bootstrap.ports.web import Prober

EVERY_S = 5.0


@contextmanager
def watching(prober: Prober, progress: Progress, every_s: float = EVERY_S) -> Iterator[None]:
    """A prober that has started. What takes less than `every_s` nobody needs to hear of."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(every_s):
            if (waited := prober.waiting_s()) >= every_s:
                progress.note(f"visitors are held, {waited:.0f} s so far")

    thread = threading.Thread(target=tell, name="held", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
