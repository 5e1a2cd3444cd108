"""What is done again and again, in a thread of its own, until the daemon ends."""

from __future__ import annotations

import threading

# once a minute at DigitalOcean; a rehearsal should not have to wait for that long
EVERY_S = 15.0


class Rounds:
    def __init__(self, name: str, every_s: float) -> None:
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._ended.wait(self._every_s):
            self._round()

    def _round(self) -> None:
        raise NotImplementedError
