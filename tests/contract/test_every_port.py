"""A port without a suite is a promise that nobody checks."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
PORTS = [path.name for path in (HERE.parents[1] / "bootstrap" / "ports").glob("*.py") if path.stem != "__init__"]


@pytest.mark.parametrize("port", PORTS)
def test_each_port_has_its_suite(port: str) -> None:
    head = f'"""What `ports/{port}` promises'
    assert len([path for path in HERE.rglob("test_*.py") if path.read_text().startswith(head)]) == 1
