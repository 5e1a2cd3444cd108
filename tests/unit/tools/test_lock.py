"""What an image installs is locked: every file by its hash, each release within the range that is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
SERVICES, CERTBOT = (
    [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    for file in ("stack/services/requirements.in", "packer/certbot.in")
)
AGENT = re.findall(
    r'"([^"]+)"', re.findall(r"^dependencies = \[.*?\]", (ROOT / "agent/pyproject.toml").read_text(), re.M)[0]
)


@pytest.mark.parametrize(
    ("asked", "file"),
    [
        (SERVICES, "stack/services/requirements.txt"),
        (AGENT, "packer/files/agent-requirements.txt"),
        (CERTBOT, "packer/files/certbot-requirements.txt"),
    ],
)
def test_the_lock_is_of_what_is_asked_for_and_has_a_hash_for_each(asked: list[str], file: str) -> None:
    text = (ROOT / file).read_text()
    entries = re.split(r"^(?=[A-Za-z])", text, flags=re.M)[1:]
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.M)
    }
    assert all("--hash=sha256:" in entry for entry in entries)
    assert asked
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), f"make lock: {requirement}"
    assert "://" not in text
