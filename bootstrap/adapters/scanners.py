"""ssh-audit and testssl.sh, run as processes."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootstrap.adapters import process
from bootstrap.errors import HostError, RequirementError
from bootstrap.scratch import Scratch

# The second takes 100 s where nothing else runs, and several times that on a busy machine.
SSH_S, TLS_S = 120, 900
# Before 3.2 it had findings but no grade.
GRADES_SINCE = (3, 2)
TESTSSL_REMEDY = "apt install testssl.sh (Debian 13, Ubuntu 25.04 or later; on Debian 12 .ci/setup installs it)"
# All that the grade is made of, and nothing else: what clients would negotiate takes a third of the time. Without
# --server-preference there is a grade as well, of the first cipher alone.
TLS_PARTS = (
    "--protocols",
    "--standard",
    "--fs",
    "--server-defaults",
    "--server-preference",
    "--headers",
    "--vulnerable",
)


class ScannerProcesses:
    """Implements `ports.scanners.Scanners`."""

    def ssh(self, address: str) -> dict[str, Any]:
        program = _program("ssh-audit", beside=Path(sys.executable).parent)
        if program is None:
            raise RequirementError("ssh-audit is not installed", "pip install 'bootstrap[audit]'")
        # Its rate test opens dozens of connections in a moment: what fail2ban would see is an attack.
        done = _run([program, "--json", "--no-colors", "--skip-rate-test", address], SSH_S)
        found = _json(done.stdout)
        if not isinstance(found, dict) or "kex" not in found:
            said = process.last_line(done.stderr or done.stdout) or "nothing"
            raise process.blamed(HostError(f"{address}: ssh-audit says: {said}"), process.line(done.argv))
        return found

    def tls(self, domain: str, address: str, roots: Path | None) -> list[dict[str, str]]:
        program = _program("testssl") or _program("testssl.sh")
        if program is None:
            raise RequirementError("testssl.sh is not installed", TESTSSL_REMEDY)
        version = _testssl_version(program)
        if version < GRADES_SINCE:
            raise RequirementError(f"testssl.sh {'.'.join(map(str, version))} gives no grade, 3.2 does", TESTSSL_REMEDY)
        trusted = ["--add-ca", str(roots)] if roots else []
        with Scratch("testssl") as folder:
            answer = Path(folder) / "findings.json"
            quiet = ["--quiet", "--color", "0", "--warnings", "off", "--jsonfile", str(answer)]
            what = [*TLS_PARTS, "--nodns", "none", *trusted, "--ip", address, f"https://{domain}/"]
            done = _run([program, *quiet, *what], TLS_S)
            found = _json(answer.read_text()) if answer.exists() else None
        if not isinstance(found, list) or not any(item["id"] == "overall_grade" for item in found):
            said = process.last_line(done.stdout + done.stderr) or "nothing"
            # whoever pastes it reads the screen: the file's folder is gone
            raise process.blamed(
                HostError(f"{address}: testssl.sh gave no grade: {said}"), process.line([program, *what])
            )
        return found


def _program(name: str, beside: Path | None = None) -> str | None:
    """A virtual environment need not be activated for what is installed in it."""
    return (shutil.which(name, path=str(beside)) if beside else None) or shutil.which(name)


def _testssl_version(program: str) -> tuple[int, ...]:
    answer = _run([program, "--version"], 30).stdout
    found = re.search(r"testssl(?:\.sh)?\s+(?:version\s+)?(\d+)\.(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", answer))
    if found is None:
        raise RequirementError(f"{program} does not print its version: {answer.strip()[:80]!r}", TESTSSL_REMEDY)
    return tuple(int(part) for part in found.groups())


def _run(argv: Sequence[str], timeout_s: float) -> process.Done:
    """Their exit codes count findings: what they wrote tells whether they ran."""
    done = process.run(argv, timeout_s=timeout_s)
    if done.code is None:
        error = HostError(f"{Path(argv[0]).name} took longer than {timeout_s:.0f} s", retryable=True)
        raise process.blamed(error, process.line(argv))
    return done


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
