"""What cloud-init says of a failure, in the words of 22.x and of 25.x."""

from __future__ import annotations

from typing import Any

from bootstrap.deployment import cloudinit

OLD: dict[str, Any] = {"status": "error", "errors": ["('runcmd', ProcessExecutionError('exit 3'))"], "detail": "x"}
NEW: dict[str, Any] = {
    **OLD,
    "extended_status": "error - done",
    "init": {"errors": ["('runcmd', ProcessExecutionError('exit 3'))"], "recoverable_errors": {}},
    "modules-final": {"errors": ["('scripts_user', RuntimeError('1 failed'))"]},
}


def test_each_error_is_told_once_with_its_module() -> None:
    assert cloudinit.verdict(OLD, list(cloudinit.errors_of(OLD))) == (
        "cloud-init ended as error in module runcmd: ('runcmd', ProcessExecutionError('exit 3'))"
    )
    assert "in module runcmd, scripts_user: " in cloudinit.verdict(NEW, list(cloudinit.errors_of(NEW)))
    assert cloudinit.verdict({"status": "disabled", "detail": "by marker"}, []) == (
        "cloud-init ended as disabled: by marker"
    )


def test_only_telling_lines_are_shown_and_no_key() -> None:
    telling = [
        "2026-11-24 10:00:01,2 - util.py[WARNING]: Running module write_files failed",
        "IsADirectoryError: [Errno 21] Is a directory: '/etc/bootstrap/deployment.json'",
        "cloudinit.subp.ProcessExecutionError: Unexpected error while running command.",
        "/var/lib/cloud/instance/scripts/runcmd: 2: set-up-the-site: not found",
    ]
    beside = [
        "2026-11-24 10:00:00,1 - util.py[DEBUG]: Reading from /etc/os-release",
        "2026-11-24 10:00:00,2 - cc_growpart.py[DEBUG]: '/' SKIPPED: stat failed: [Errno 2] No such file or directory",
        "Traceback (most recent call last):",
        "failed: -----BEGIN OPENSSH PRIVATE KEY-----",
        "x" * 80,
    ]
    mixed = [line for pair in zip(beside, telling, strict=False) for line in pair] + beside[len(telling) :]
    assert cloudinit.telling("\n".join(mixed)) == telling
