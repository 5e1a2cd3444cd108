from __future__ import annotations

import functools

import pytest

from bootstrap import stack
from bootstrap.operations import machine, replacing


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replacement runs some hundred times: no waiting, and the stack's YAML is read once."""
    monkeypatch.setattr(replacing, "HEALTH_S", 0.0)
    monkeypatch.setattr(stack, "load", functools.cache(stack.load))
    monkeypatch.setattr(machine.render, "user_data", lambda *_: "#cloud-config")
