"""People at the site go first: whoever began a backup, it takes what they leave of CPU and disk, and so does all that
it starts. A unit has its weight by systemd; this gives the same to what somebody asks for."""

from __future__ import annotations

import os
from pathlib import Path

from bootstrap_agent.run import run

NICE = 10
# as bootstrap-backup-*.service have them, of 100 that each container has
WEIGHTS = ("CPUWeight", "t", "20", "IOWeight", "t", "20")
_SYSTEMD = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")


def step_back() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    run(["ionice", "--class=idle", f"--pid={os.getpid()}"], check=False)
    behind_other_sessions("self")
    # set by systemd for what a unit starts
    if "INVOCATION_ID" not in os.environ:
        _of_little_weight()


def behind_other_sessions(process: int | str) -> None:
    """The whole session of that process. Where the kernel shares the CPU among sessions, which it does with what is in
    no group, `nice` counts within one only, and each container is another."""
    try:
        Path(f"/proc/{process}/autogroup").write_text(str(NICE))
    except OSError:
        return  # a kernel that does not, or the process is over: then it is as heavy as one container


def _of_little_weight() -> None:
    """Into a group of its own: against containers, which have theirs, only its weight counts. Without it a backup is
    made all the same, so a failure is none."""
    unit = (f"bootstrap-backup-{os.getpid()}.scope", "fail")
    process = ("PIDs", "au", "1", str(os.getpid()))
    argv = ["busctl", "--quiet", "call", *_SYSTEMD, "StartTransientUnit", "ssa(sv)a(sa(sv))", *unit]
    run([*argv, "3", *process, *WEIGHTS, "0"], check=False)
