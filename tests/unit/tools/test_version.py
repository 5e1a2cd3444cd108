"""The version stands in pyproject.toml; whatever repeats it says the same."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def version_of(distribution: str = ".") -> str:
    found = re.search(r'^version = "([^"]+)"$', (ROOT / distribution / "pyproject.toml").read_text(), re.M)
    assert found, distribution
    return found[1]


def test_the_three_distributions_are_of_one_version() -> None:
    version = version_of()
    assert version_of("agent") == version_of("localcloud") == f"{version}+bootstrap"
    for distribution in (".", "agent", "localcloud"):
        pins = re.findall(r'"bootstrap(?:-agent)?==([^"]+)"', (ROOT / distribution / "pyproject.toml").read_text())
        assert set(pins) <= {version, f"{version}+bootstrap"}, distribution


def test_the_changelog_knows_it_and_what_comes_next() -> None:
    headings = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    names = [name for name, _ in headings]
    assert names[:2] == ["Unreleased", version_of()]
    assert all(day for name, day in headings if name != "Unreleased")
