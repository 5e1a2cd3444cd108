"""Mounting a device that somebody else has mounted: a real file system on a loop device."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap_agent import volume
from bootstrap_agent.contract.errors import HostError

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/loop-control").exists(), reason="mounts need root"),
]


def sh(*argv: object) -> str:
    return subprocess.run(list(map(str, argv)), check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Disk:
    device: Path
    folder: Path

    def mounted_by(self, name: str) -> Path:
        """By somebody, read-only."""
        point = self.folder / name
        point.mkdir()
        sh("mount", "-o", "ro", self.device, point)
        return point


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(16 * 1024**2)
    sh("mkfs.ext4", "-q", image)
    device = Path(sh("losetup", "--find", "--show", image))
    monkeypatch.setattr(volume, "DATA", tmp_path / "data")
    monkeypatch.setattr(volume, "PROVIDERS", f"{tmp_path}/.do-first-mount-")
    monkeypatch.setattr(volume, "BUSY_WAIT_S", 10)
    volume.DATA.mkdir()
    try:
        yield Disk(device, tmp_path)
    finally:
        subprocess.run(["umount", "--all-targets", "--recursive", device], check=False, capture_output=True)
        sh("losetup", "--detach", device)


def mount(disk: Disk) -> None:
    volume.mount_device(disk.device)
    assert volume.is_mounted(volume.DATA)
    (volume.DATA / "written").touch()


def test_what_the_provider_mounted_is_unmounted(disk: Disk) -> None:
    point = disk.mounted_by(".do-first-mount-bITtYIeQX")
    mount(disk)
    assert not point.is_mount()


def test_a_busy_device_is_waited_for(disk: Disk) -> None:
    point = disk.mounted_by("other")

    def later() -> None:
        time.sleep(0.5)
        sh("umount", point)

    thread = threading.Thread(target=later)
    thread.start()
    mount(disk)
    thread.join()


def test_who_keeps_it_busy_is_named(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "BUSY_WAIT_S", 0.3)
    point = disk.mounted_by("other")
    with pytest.raises(HostError, match=f"in use by {point}"):
        mount(disk)
    assert point.is_mount(), "it is somebody's"


def test_what_cannot_be_mounted_at_all_is_told_at_once(disk: Disk) -> None:
    sh("wipefs", "--all", disk.device)
    started = time.monotonic()
    with pytest.raises(HostError, match="mount"):
        mount(disk)
    assert time.monotonic() - started < 5
