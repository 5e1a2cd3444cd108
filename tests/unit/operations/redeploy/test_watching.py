"""While visitors wait, whoever runs the command hears of it."""

from __future__ import annotations

from bootstrap.operations.redeploy.watching import watching
from tests.fakes.world import Quiet
from tests.waiting import until


class Prober:
    def __init__(self) -> None:
        self.waited, self.asked = 0.0, 0

    def start(self) -> None: ...

    def waiting_s(self) -> float:
        self.asked += 1
        return self.waited

    def stop(self) -> None: ...


def test_it_is_told_while_they_wait_and_not_before_nor_after() -> None:
    prober, told = Prober(), Quiet()
    with watching(prober, told, every_s=0.01):  # type: ignore[arg-type]
        until(lambda: prober.asked > 2)
        assert told.texts == []
        prober.waited = 12.4
        until(lambda: len(told.texts) > 1)
    assert set(told.texts) == {"visitors are held, 12 s so far"}
