"""What agent and CLI must agree on is spelled in the contract and nowhere else in their code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap_agent.contract import paths, units

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = ROOT / "agent" / "bootstrap_agent" / "contract"
NAMES = (
    *(str(path) for path in (paths.ETC, paths.DATA, paths.APPS, paths.AGENT, paths.LOCK)),
    *(paths.ENV_FILE, paths.COMPOSE_FILE, str(paths.device_of(""))),
    *(units.TIMERS + units.AT_BOOT),
)
# its examples are of the operator's own file, which may have any name
ELSEWHERE = ROOT / "bootstrap" / "settings" / "__init__.py"
MODULES = sorted(
    path
    for package in ("agent/bootstrap_agent", "bootstrap")
    for path in (ROOT / package).rglob("*.py")
    if CONTRACT not in path.parents and path != ELSEWHERE
)


def words(module: Path) -> Iterator[tuple[int, str]]:
    """Every string of the code that is no prose: without a space."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_spelled_once(name: str) -> None:
    found = [f"{m.relative_to(ROOT)}:{line}" for m in MODULES for line, word in words(m) if name in word]
    assert found == []


def test_it_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(f'where = f"{paths.DATA}/{{name}}"\n')
    assert [(line, paths.DATA.as_posix() in word) for line, word in words(module)] == [(1, True)]
