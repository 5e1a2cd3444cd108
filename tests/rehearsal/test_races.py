"""Two runs on one deployment, as processes on real machines: in two terminals of one computer, and on two computers.
The tests go on from one another, in their order."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import digitalocean
import pytest

from tests.rehearsal.conftest import Answer, Bootstrap, Site
from tests.rehearsal.killing import MARK, Account, end
from tests.rehearsal.machines import patiently

pytestmark = pytest.mark.root

DOMAIN = "race.example"
LOCK = "bootstrap:race_example:lock:"
STALE_S = 600
COMMAND = (str(Path(sys.executable).with_name("bootstrap")), "--cloud", "local")


@dataclass
class Race:
    """`here` and `elsewhere` are two homes."""

    here: Bootstrap
    elsewhere: Bootstrap
    account: Account
    site: Site
    token: str

    def serves(self) -> bool:
        return self.site.request("GET", "/").text == f"Hello from {DOMAIN}\n"

    @patiently
    def locks(self) -> list[str]:
        tags = digitalocean.Manager(token=self.token).get_all_tags()
        return [tag.name for tag in tags if tag.name.startswith(LOCK)]

    def let_it_get_stale(self) -> str:
        """As if its holder had been silent for so long; gives the holder."""
        (name,) = self.locks()
        by, began, _ = name.removeprefix(LOCK).split(":")
        seen = datetime.now(timezone.utc) - timedelta(seconds=STALE_S + 1)
        digitalocean.Tag(name=f"{LOCK}{by}:{began}:{seen:%Y%m%d-%H%M%S}", token=self.token).create()
        digitalocean.Tag(name=name, token=self.token).delete()
        return by.partition("_")[0]


@pytest.fixture(scope="module")
def race(
    hello: Bootstrap,
    hello_image: dict[str, Any],
    cloud: dict[str, Any],
    visitor: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Race]:
    account = Account(cloud["watcher_token"], DOMAIN)
    home = tmp_path_factory.mktemp("elsewhere")
    elsewhere = replace(hello, env={**hello.env, "XDG_STATE_HOME": str(home)})
    try:
        address = hello("create", "--domain", DOMAIN, "--json").json()["reserved_ip"]
        yield Race(hello, elsewhere, account, Site(DOMAIN, address, visitor), cloud["watcher_token"])
    finally:
        hello("destroy", DOMAIN, "--volume", "--backups", "--yes", check=False)


@contextmanager
def stopped_at(cli: Bootstrap, step: str, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun this step, and stands still; in the end it dies by SIGKILL."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [*COMMAND, *argv],
        cwd=cli.work,
        env={**cli.env, MARK: mark, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if step in line:
                break
        assert process.poll() is None, said
        os.killpg(process.pid, signal.SIGSTOP)
        yield process
    finally:
        end(process, mark)


def refused(answer: Answer, *, words: str) -> None:
    errors = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert (answer.code, len(errors)) == (5, 1) and "hint: " in answer.err, answer.err
    assert re.search(words, errors[0]), errors


def test_a_redeploy_while_destroy_asks(race: Race) -> None:
    """Else a droplet would run on without firewall and address, and destroy would say that all went well."""
    before = race.account.new()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "destroy", DOMAIN, "--volume"],
        cwd=race.here.work,
        env=dict(race.here.env),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as destroy:
        os.close(theirs)
        assert destroy.stderr is not None
        assert "1 droplet(s)" in destroy.stderr.readline()
        race.here("redeploy", DOMAIN)
        os.write(ours, f"{DOMAIN}\n".encode())
        out, err = destroy.communicate(timeout=120)
    os.close(ours)
    refused(Answer(destroy.returncode, out, err), words=r"droplet \S+ \(\d+\) is gone, droplet \S+ \(\d+\) is new")
    after = race.account.new()
    renewed = ("droplets", "host keys")
    assert {kind: found for kind, found in after.items() if kind not in renewed} == {
        kind: found for kind, found in before.items() if kind not in renewed
    }
    assert len(after["droplets"]) == 1 and after["droplets"] != before["droplets"]
    assert race.serves()


def test_while_one_computer_works_another_is_refused(race: Race) -> None:
    with stopped_at(race.here, "create candidate", "redeploy", DOMAIN):
        (lock,) = race.locks()
        holder, _, operation = lock.removeprefix(LOCK).partition(":")[0].partition("_")
        for command in (("redeploy", DOMAIN), ("destroy", DOMAIN, "--yes"), ("create", "--domain", DOMAIN)):
            refused(race.elsewhere(*command, check=False), words=f"works on {DOMAIN}: {holder} since ")
        # another terminal of the same computer sees the kernel's lock
        refused(race.here("redeploy", DOMAIN, check=False), words="from this computer")
        assert race.locks() == [lock]
        seen = race.elsewhere("status", DOMAIN, "--json", check=False).json()
        assert seen["healthy"], "who only reads may"
        held = (seen["lock"]["holder"], seen["lock"]["operation"], seen["lock"]["stale"])
        assert held == (holder, "redeploy", False) and operation == "redeploy"


def test_after_a_kill_the_same_computer_goes_on_at_once_and_no_other(race: Race) -> None:
    """The run of the test before is dead."""
    refused(race.elsewhere("redeploy", DOMAIN, check=False), words=f"works on {DOMAIN}: ")
    race.here("redeploy", DOMAIN)
    new = race.account.new()
    assert len(new["droplets"]) == 1 and not new["locks"] and not new["empty tags"]
    assert race.serves()


def test_another_computer_takes_over_what_is_stale(race: Race) -> None:
    with stopped_at(race.here, "records and reserved ip", "destroy", DOMAIN, "--yes", "--volume", "--backups"):
        pass
    everything = ("destroy", DOMAIN, "--yes", "--volume", "--backups")
    refused(race.elsewhere(*everything, check=False), words=f"works on {DOMAIN}: ")
    holder = race.let_it_get_stale()
    done = race.elsewhere(*everything)
    assert f"taking over from {holder} since " in done.err
    new = race.account.new()
    assert not {kind: found for kind, found in new.items() if found and kind not in ("SSH keys", "VPCs")}
