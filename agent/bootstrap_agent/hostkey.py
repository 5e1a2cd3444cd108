"""The SSH host key of user-data is replaced by one that never left this droplet.

sshd offers one key of a type only, so the new one waits in a file of its own: `rotate` says what it is, the caller
pins it, `commit` puts it in place. Killed anywhere, the same two commands run again.
"""

from __future__ import annotations

from pathlib import Path

from bootstrap_agent.contract.answers import HostKey
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import run

KEY = Path("/etc/ssh/ssh_host_ed25519_key")


def rotate(key: Path = KEY) -> HostKey:
    pending = _pending(key)
    if not pending.exists():
        unfinished = pending.with_suffix(".unfinished")
        for path in (unfinished, unfinished.with_name(unfinished.name + ".pub")):
            path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(unfinished)])
        unfinished.with_name(unfinished.name + ".pub").unlink()
        unfinished.rename(pending)
    return HostKey(_public(pending))


def commit(key: Path = KEY) -> HostKey:
    """Sessions that are open go on; the next one meets the new key."""
    pending = _pending(key)
    if pending.exists():
        pending.replace(key)
    public = _public(key)
    write_atomic(key.with_name(key.name + ".pub"), f"{public}\n".encode(), 0o644)
    run(["sshd", "-t"])
    run(["systemctl", "reload-or-restart", "ssh.service"])
    return HostKey(public)


def _pending(key: Path) -> Path:
    return key.with_name(key.name + ".new")


def _public(key: Path) -> str:
    return " ".join(run(["ssh-keygen", "-y", "-f", str(key)]).out.split()[:2])
