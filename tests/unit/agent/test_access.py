from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from bootstrap_agent import access
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.errors import HostError

OWN, ADA, HAND = "ssh-ed25519 AAAAown", "ssh-ed25519 AAAAada ada@laptop", 'from="192.0.2.1" ssh-rsa AAAAhand'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "USER", getpass.getuser())
    path = tmp_path / ".ssh" / "authorized_keys"
    monkeypatch.setattr(access, "_file", lambda: path)
    path.parent.mkdir()
    path.write_text(f"# by cloud-init\n{OWN}\n\n{HAND}\n")
    return path


def sent(*lines: str) -> str:
    return json.dumps({"keys": lines})


def test_keys_come_once_and_go_again(file: Path) -> None:
    assert access.listed().keys == (OWN, HAND)
    assert access.add(sent(ADA)).keys == access.add(sent("ssh-ed25519 AAAAada other name")).keys == (OWN, HAND, ADA)
    assert file.read_text() == f"{OWN}\n{HAND}\n{ADA}\n" and file.stat().st_mode & 0o777 == 0o600
    assert access.remove(sent("ssh-ed25519 AAAAada")).keys == (OWN, HAND)
    # also one with options, by the key itself
    assert access.remove(sent("ssh-rsa AAAAhand")).keys == (OWN,)


def test_the_last_one_stays(file: Path) -> None:
    with pytest.raises(HostError, match="no key would be left"):
        access.remove(sent(OWN, "ssh-rsa AAAAhand"))
    assert access.listed().keys == (OWN, HAND)


@pytest.mark.parametrize("text", ['{"keys": ["ssh-ed25519 AAAAx\\nssh-ed25519 AAAAy"]}', '{"keys": ["x"]}', "[]"])
def test_what_is_no_line_is_refused(file: Path, text: str) -> None:
    before = file.read_text()
    with pytest.raises(HostError):
        access.add(text)
    assert file.read_text() == before
