"""`bootstrap audit` against the deployment that all rehearsals share: the goals, and that it sees what is loosened."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site

pytestmark = pytest.mark.root

LOOSE = "/etc/ssh/sshd_config.d/00-loose.conf"


def test_the_goals_are_reached_and_every_finding_left_has_its_reason(bootstrap: Bootstrap, site: Site) -> None:
    answer = bootstrap("audit", DOMAIN, "--json", check=False)
    assert answer.code in (0, 8), answer.err
    report = json.loads(answer.out)
    assert report["unexplained"] == []
    figures = {part["tool"]: part["figure"] for part in report["parts"]}
    assert int(figures["lynis"].removeprefix("index ")) >= 84
    assert figures["ssh-audit"].startswith("0 failure(s)")
    assert figures["testssl.sh"].startswith("grade A+,")
    assert (answer.code, report["problem"]) == (0, None)


def test_what_is_loosened_is_found(bootstrap: Bootstrap, site: Site) -> None:
    with loosened(bootstrap):
        answer = bootstrap("audit", DOMAIN, "--only", "docker", "--only", "ssh-audit", "--json", check=False)
    assert answer.code == 8, answer.err
    unexplained = {f"{one['id']} {one['subject']}" for one in json.loads(answer.out)["unexplained"]}
    assert {"5.5 loose", "5.10 loose", "mac-fail hmac-sha1"} <= unexplained
    # ssh-audit's answer of a tight one is the other test's
    bootstrap("audit", DOMAIN, "--only", "docker")


@contextmanager
def loosened(bootstrap: Bootstrap) -> Iterator[None]:
    def on_droplet(script: str) -> None:
        bootstrap("ssh", DOMAIN, f"sudo sh -c {shlex.quote(script)}")

    try:
        on_droplet("docker run --detach --privileged --network host --name loose --entrypoint sleep nginx:1.30 600")
        on_droplet(f"echo 'MACs hmac-sha1,hmac-sha2-256-etm@openssh.com' >{LOOSE} && systemctl reload ssh")
        yield
    finally:
        on_droplet(f"docker rm --force loose; rm -f {LOOSE}; systemctl reload ssh")
