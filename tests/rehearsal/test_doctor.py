"""`bootstrap doctor` on the deployment that all share: nothing wrong, then one thing at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site


def examined(bootstrap: Bootstrap, code: int) -> dict[str, dict[str, Any]]:
    said = bootstrap("doctor", DOMAIN, "--json", check=False)
    assert said.code == code, said.out + said.err
    answer = said.json()
    assert (answer["exit_code"], answer["ok"]) == (code, code == 0)
    return {check["name"]: check for check in answer["checks"]}


def test_doctor_names_what_is_broken_and_nothing_else(bootstrap: Bootstrap, site: Site) -> None:
    well = examined(bootstrap, 0)
    assert {"api", "token", "spaces", "host key", "agent", "from outside", "certificate"} <= well.keys()

    key = Path(bootstrap.work / "ssh" / "digitalocean")
    key.chmod(0o644)
    try:
        found = examined(bootstrap, 2)
    finally:
        key.chmod(0o600)
    assert found["ssh key"]["remedy"] == f"chmod 600 {key}"
    assert (found["login"]["state"], found["login"]["text"]) == ("not checked", "needs ssh key")

    bootstrap("ssh", DOMAIN, "--", "sudo", "systemctl", "stop", "bootstrap-certificate.timer")
    try:
        found = examined(bootstrap, 0)
    finally:
        bootstrap("ssh", DOMAIN, "--", "sudo", "systemctl", "start", "bootstrap-certificate.timer")
    assert (found["timers"]["state"], found["timers"]["text"]) == ("warning", "not on: bootstrap-certificate.timer")
    assert examined(bootstrap, 0)["timers"]["state"] == "ok"
