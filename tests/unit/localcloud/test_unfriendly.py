"""What the local cloud does to a user by default, and what of it somebody switched off."""

from __future__ import annotations

import email
import os
import subprocess
import time
from pathlib import Path

import pytest

from localcloud.host import unfriendly
from localcloud.machines import first_boot
from localcloud.work.vendor import vendor_data


def test_all_of_it_is_the_default_and_a_choice_stays(tmp_path: Path) -> None:
    assert unfriendly.left(tmp_path) == unfriendly.ALL > {"apt", "agent", "automount", "late-lists"}
    unfriendly.switch_off(tmp_path, {"apt", "agent"})
    assert unfriendly.left(tmp_path) == unfriendly.ALL - {"apt", "agent"}
    unfriendly.switch_off(tmp_path, ())
    assert unfriendly.left(tmp_path) == unfriendly.ALL


def test_the_option_takes_a_list_all_and_none() -> None:
    chosen = unfriendly.chosen
    assert (chosen("apt,agent"), chosen("all"), chosen("none")) == ({"apt", "agent"}, unfriendly.ALL, frozenset())
    with pytest.raises(ValueError, match="atp: there are apt, agent, automount"):
        chosen("atp")


def test_only_what_is_left_is_written(tmp_path: Path) -> None:
    first_boot.install(tmp_path, ())
    assert list(tmp_path.iterdir()) == []
    first_boot.install(tmp_path, ("automount",))
    assert (tmp_path / first_boot.RULE).exists() and not (tmp_path / "etc/systemd").exists()
    first_boot.install(tmp_path, ("apt",))
    stamp = tmp_path / "var/lib/systemd/timers/stamp-apt-daily.timer"
    assert stamp.stat().st_mtime < time.time() - 86400, "overdue"


def test_vendor_data_are_two_parts_that_cloud_init_knows() -> None:
    parts = email.message_from_string(vendor_data(with_agent=True)).get_payload()
    assert isinstance(parts, list)
    kinds = [part.get_content_type() for part in parts if isinstance(part, email.message.Message)]
    assert kinds == ["text/cloud-config", "text/x-shellscript"]
    assert vendor_data(with_agent=False).startswith("#cloud-config\n")


@pytest.mark.parametrize("script", ["first_mount", "agent"])
def test_the_guests_scripts_are_shell(script: str, tmp_path: Path) -> None:
    first_boot.install(tmp_path, ("automount",))
    texts = {"first_mount": (tmp_path / first_boot.FIRST_MOUNT).read_text(), "agent": _agent()}
    subprocess.run(["sh", "-n"], input=texts[script], text=True, check=True)


def _agent() -> str:
    script = email.message_from_string(vendor_data(with_agent=True)).get_payload(1)
    assert isinstance(script, email.message.Message)
    return str(script.get_payload())


def test_the_disk_gets_no_file_that_the_guest_cannot_run(tmp_path: Path) -> None:
    first_boot.install(tmp_path, unfriendly.ALL)
    assert os.access(tmp_path / first_boot.FIRST_MOUNT, os.X_OK)
