from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from bootstrap_agent import stopping
from bootstrap_agent.compose import Container
from bootstrap_agent.contract.stack import parse

SERVICES = ("web", "chat", "app", "worker", "db", "broker")


class Stack:
    """Compose and Docker as `end` meets them. A stop of `slow` lasts until `go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, slow: str = "") -> None:
        self.done: list[str] = []
        self.slow, self.go = slow, threading.Event()
        for pause in ("SETTLE_S", "SHORT_S"):
            monkeypatch.setattr(stopping, pause, 0)
        monkeypatch.setattr(stopping, "run", self.run)

    def run(self, argv: list[str], **_: Any) -> None:
        names = sorted(word for word in argv[2:] if not word.startswith("--"))
        if self.slow in names:
            assert self.go.wait(5)
        self.done.append("stop " + " ".join(names))
        if names == ["chat"]:
            self.go.set()

    def published(self) -> list[str]:
        return ["web"]

    def containers(self) -> list[Container]:
        up = [Container(name, name, "running", "", 0) for name in SERVICES]
        return [*up, Container("off", "off", "exited", "", 0)]

    def execute(self, service: str, command: Iterable[str], **_: Any) -> None:
        self.done.append(f"{service}: {' '.join(command)}")


def end(stack: Stack, **field: Any) -> list[str]:
    stopping.end(stack, parse({"name": "x", "health": ["/"], "data_services": ["db", "broker"], **field}))  # type: ignore[arg-type]
    return stack.done


def test_a_stack_that_says_nothing_ends_from_the_front_to_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert end(Stack(monkeypatch)) == ["stop web", "stop app chat web worker", "stop broker db"]


def test_what_is_said_to_stand_it_ends_all_at_once_and_what_is_warm_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"warm": ["app"], "later": ["broker", "worker"], "quiet": {"service": "web", "command": ["quiet"]}}
    # the broker needs longer than the drain, which does not wait for it
    done = end(Stack(monkeypatch, slow="broker"), drain=["web", "chat"], handover=said)
    # who is in front takes no more questions before anybody behind it ends
    assert done[:2] == ["web: quiet", "stop chat"]
    assert sorted(done[2:]) == ["stop broker worker", "stop chat db", "stop web"]


def test_what_does_not_run_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert end(Stack(monkeypatch), drain=["off"])[0] == "stop app chat web worker"
