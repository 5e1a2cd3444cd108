"""`bootstrap deploy` of the small stack with its bakes, killed on the way; and a maintenance that outlives a reboot."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.deployment import recovery, sshkey
from tests.rehearsal.conftest import HELLO, PROGRAM, Bootstrap, Site
from tests.waiting import until

SHOP = "deploy.example"
BOOTS = "sudo journalctl --list-boots --quiet | wc -l"

pytestmark = pytest.mark.root


def killed(bootstrap: Bootstrap, *argv: str, at: str) -> None:
    """With all that it started, once it says that."""
    with subprocess.Popen(
        [str(PROGRAM), "--cloud", "local", *argv],
        cwd=bootstrap.work,
        env=dict(bootstrap.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if at in line:
                break
        else:
            pytest.fail(f"it never said {at}: {''.join(said)[-2000:]}")
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.long
def test_a_release_from_nothing_to_the_next_one_killed_on_the_way(
    hello: Bootstrap, visitor: ssl.SSLContext, tmp_path: Path
) -> None:
    shutil.copytree(HELLO, tmp_path / "stack")
    (tmp_path / "bootstrap.yaml").write_text(
        f"domain: {SHOP}\nstack: stack\nssh_key: key\nrecovery_key: {tmp_path}/recovery.key\n"
    )
    mine = replace(hello, work=tmp_path)
    refused = mine("deploy", check=False)
    assert refused.code == 3 and "nobody here to keep a new one" in refused.err, "nobody is at a terminal"
    sshkey.ensure(tmp_path / "key")
    recovery.ensure(tmp_path / "recovery.key")
    code = tmp_path / "stack" / "app" / "guestbook.py"

    code.write_text(f"{code.read_text()}\n# first\n")
    assert mine("deploy", "--dry-run", "--json").json()["image"] is None
    killed(mine, "deploy", at="packer bakes")
    first = mine("deploy", "--json").json()
    assert (first["way"], first["image"]["built"]) == ("create", True)
    site = Site(SHOP, first["reserved_ip"], visitor)
    assert site.request("GET", "/health/").status_code == 200

    code.write_text(f"{code.read_text()}\n# second\n")
    killed(mine, "deploy", at="stop live")
    second = mine("deploy", "--json").json()
    assert (second["way"], second["image"]["built"], second["redeploy"]["resumed"]) == ("redeploy", False, True)
    assert second["image"]["id"] != first["image"]["id"] and site.request("GET", "/health/").status_code == 200
    last = mine("deploy", "--json").json()
    assert (last["way"], last["image"]["id"], last["reserved_ip"]) == ("complete", second["image"]["id"], site.address)

    mine("maintenance", "on")
    before = mine("ssh", SHOP, BOOTS).out
    mine("ssh", SHOP, "sudo systemctl reboot", check=False)

    def back() -> bool:
        asked = mine("ssh", SHOP, BOOTS, check=False)
        if asked.code != 0 or asked.out == before:
            return False
        rules = mine("ssh", SHOP, "sudo nft list table inet bootstrap_maintenance", check=False).out
        return "redirect to :4143" in rules and mine("status", SHOP, "--json").json()["healthy"]

    until(back, "the maintenance after a reboot", 180)
    mine("maintenance", "off")
    mine("destroy", "--volume", "--backups", "--yes")
