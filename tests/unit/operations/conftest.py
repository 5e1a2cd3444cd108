from __future__ import annotations

import functools

import pytest

from bootstrap import stack
from bootstrap.operations import replacing


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replacement runs some hundred times: no waiting, no disk, and the stack's YAML is read once."""
    monkeypatch.setattr(replacing, "HEALTH_S", 0.0)
    monkeypatch.setattr(replacing, "CANDIDATE_HEALTH_S", 0.0)
    monkeypatch.setattr(stack, "load", functools.cache(stack.load))

    monkeypatch.setattr("bootstrap.lines.os.fsync", lambda _: None)
    monkeypatch.setattr("bootstrap.operations.machine.time.sleep", lambda _: None)
