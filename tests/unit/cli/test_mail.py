"""`bootstrap cloud mail`, from the folder that the mail server fills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.services.mail import mailbox

LETTER = b"From: Tickets <no-reply@tickets.test>\r\nSubject: Verify\x1b[2J\r\n\r\nhttps://tickets.test/verify?token=%d\x07\r\n"


def cloud_mail(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bootstrap.cli.main", "cloud", "mail", *argv]
    env = {**os.environ, "BOOTSTRAP_CLOUD_HOME": str(home)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for number in (1, 2):
        mailbox(tmp_path).add("no-reply@tickets.test", ["ada@example.org"], LETTER % number)
    return tmp_path


def test_the_newest_mail_to_an_address_is_printed_and_steers_no_terminal(home: Path) -> None:
    said = cloud_mail(home, "--to", "Ada@example.org")
    assert said.returncode == 0, said.stderr
    assert "from     Tickets <no-reply@tickets.test>\nto       ada@example.org\nsubject  Verify" in said.stdout
    assert said.stdout.rstrip("\n�").endswith("https://tickets.test/verify?token=2")
    assert "\x1b" not in said.stdout and "\x07" not in said.stdout


def test_all_mails_are_listed_for_people_and_for_scripts(home: Path) -> None:
    assert [line.split()[1] for line in cloud_mail(home).stdout.splitlines()] == ["ada@example.org"] * 2
    found = json.loads(cloud_mail(home, "--json", "--to", "ada@example.org").stdout)
    assert [mail["text"].split("=")[1][0] for mail in found] == ["2", "1"]


def test_no_mail_to_an_address_is_not_found(home: Path) -> None:
    said = cloud_mail(home, "--to", "bob@example.org")
    assert (said.returncode, said.stdout) == (4, "")
    assert said.stderr.startswith("error: there is no mail to bob@example.org")
    assert json.loads(cloud_mail(home, "--json", "--to", "bob@example.org").stdout) == []
