"""Docker Compose on this computer, asked what it says of a stack's files. It needs no daemon for that, and is no
must."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bootstrap.adapters import process
from bootstrap_agent.contract.paths import ENV_EXAMPLE

# what an earlier one says of `!override` is no refusal of the droplet's
OLDEST = (2, 24, 4)
PATIENCE_S = 30


def refusal(folder: Path, files: Sequence[str]) -> str | None:
    """Its own words; None when it takes the files, is not here, or is too old to be asked. Like a droplet's it is given
    nothing of this computer's environment."""
    if not files or shutil.which("docker") is None or _version() < OLDEST:
        return None
    base = folder.joinpath(files[0]).parent.resolve()
    named = [f"--file={folder.resolve() / name}" for name in files]
    given = [f"{name}={os.environ[name]}" for name in ("PATH", "HOME") if name in os.environ]
    example = folder.resolve() / ENV_EXAMPLE
    compose = ["env", "-i", *given, "RELEASE=none", "docker", "compose", f"--project-directory={base}", *named]
    # as a droplet starts it, and with the jobs, as it is baked
    for profiles in ((), ("--profile=*",)):
        asked = [*compose, *profiles, f"--env-file={example}", "config", "--quiet"]
        done = process.run(asked, timeout_s=PATIENCE_S)
        if done.code not in (0, None):
            # its warnings are lines of a log
            said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("time="))
            return process.last_line(said).replace(f"{folder.resolve()}/", "") or None
    return None


def _version() -> tuple[int, ...]:
    done = process.run(["docker", "compose", "version", "--short"], timeout_s=PATIENCE_S)
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", done.stdout) if done.code == 0 else None
    return tuple(map(int, found.groups())) if found else (0,)
