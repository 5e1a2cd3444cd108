"""What a base image of DigitalOcean's brings along beside Ubuntu, written into the disk of a machine that is made from
it. A snapshot keeps of it whatever nobody removed, as there.

- `apt`: the image was made weeks ago, so its timers are overdue: the real `apt-daily.service` and, after it,
  `apt-daily-upgrade.service` start at the first boot, after a random delay. Here that is always none, and each holds
  its locks for at least HOLD_S: there it depends on the day. The second's work outlives `systemctl stop`
  (KillMode=process), as unattended-upgrade does.
- `automount`: the rule by its real name. No udevd runs in a container: whoever attaches a volume runs the rule's
  program, if the rule is there (`devices.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

HOLD_S = 20
MOUNTED_S = 5
OVERDUE_S = 60 * 86400
RULE = "etc/udev/rules.d/99-digitalocean-automount.rules"
FIRST_MOUNT = "usr/lib/localcloud/first-mount"
_HOLD = "usr/lib/localcloud/hold-locks"
# named so that whatever an image has of its own comes after it
_DROP_IN = "etc/systemd/system/{unit}.{kind}.d/00-first-boot.conf"

_HOLD_TEXT = """#!/usr/bin/python3
# UNIT SECONDS LOCK...: holds the locks as apt does, once: the drop-ins of the unit and its timer go.
import fcntl, pathlib, sys, time
unit, seconds, *paths = sys.argv[1:]
for drop_in in pathlib.Path("/etc/systemd/system").glob(unit + ".*.d/00-first-boot.conf"):
    drop_in.unlink()
held = [open(path, "w") for path in paths]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep(float(seconds))
"""
_FIRST_MOUNT_TEXT = f"""#!/bin/sh
# DEVICE: what has a file system is mounted read-only for a moment.
blkid -p "$1" >/dev/null 2>&1 || exit 0
point=$(mktemp -d /mnt/.do-first-mount-XXXXXXXXX)
if mount -o ro "$1" "$point"; then
    sleep {MOUNTED_S}
    umount "$point"
fi
rmdir "$point"
"""
_RULE_TEXT = f"""# As DigitalOcean's images have it, by name and effect: a volume that appears is mounted for a moment.
ACTION=="add", SUBSYSTEM=="block", ENV{{ID_SERIAL}}=="0DO_Volume_*", RUN+="/{FIRST_MOUNT} $devnode"
"""


def install(root: Path, kinds: Collection[str]) -> None:
    """`root` is of our own making: no guest has run in it yet."""
    if "apt" in kinds:
        _overdue_apt(root)
    if "automount" in kinds:
        _write(root / FIRST_MOUNT, _FIRST_MOUNT_TEXT, 0o755)
        _write(root / RULE, _RULE_TEXT)


def _overdue_apt(root: Path) -> None:
    _write(root / _HOLD, _HOLD_TEXT, 0o755)
    dpkg = "/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock"
    steps = {
        "apt-daily": f"/{_HOLD} apt-daily {HOLD_S} /var/lib/apt/lists/lock",
        # the shell ends with the service, what it started goes on
        "apt-daily-upgrade": f'/bin/sh -c "/{_HOLD} apt-daily-upgrade {HOLD_S} {dpkg} & wait"',
    }
    for unit, step in steps.items():
        _write(root / _DROP_IN.format(unit=unit, kind="service"), f"[Service]\nExecStartPre={step}\n")
        _write(root / _DROP_IN.format(unit=unit, kind="timer"), "[Timer]\nRandomizedDelaySec=0\n")
        stamp = root / "var/lib/systemd/timers" / f"stamp-{unit}.timer"
        _write(stamp, "")
        os.utime(stamp, (time.time() - OVERDUE_S,) * 2)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
