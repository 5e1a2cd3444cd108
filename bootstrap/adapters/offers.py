"""What an address offers at port 22: its host keys, or why there are none."""

from __future__ import annotations

import base64
import binascii
import hashlib
import socket

from bootstrap.adapters import process
from bootstrap.errors import HostError, KeptOutError, RequirementError

SCAN_S = 5
KNOCK_S = 3
# open to everyone on a droplet: whether something serves there or not, a machine that is up answers
ANYONES_PORTS = (443, 80)


def scan_argv(ip: str) -> list[str]:
    return ["ssh-keyscan", "-T", str(SCAN_S), "-t", "ed25519", ip]


def host_keys(ip: str) -> list[str]:
    """As `type base64`."""
    try:
        done = process.run(scan_argv(ip), timeout_s=SCAN_S * 3)
    except FileNotFoundError:
        raise RequirementError("the OpenSSH client is missing", "apt install openssh-client") from None
    fields = [line.split() for line in done.stdout.splitlines() if line and not line.startswith("#")]
    keys = [f"{field[1]} {field[2]}" for field in fields if len(field) >= 3]
    if not keys:
        raise process.blamed(_nobody(ip), process.line(done.argv))
    return keys


def hash_of(key: str) -> str:
    """SHA-256 of the key's blob in hex, as it is pinned; empty for what is no key."""
    try:
        return hashlib.sha256(base64.b64decode(key.split()[1], validate=True)).hexdigest()
    except (binascii.Error, IndexError):
        return ""


def _nobody(ip: str) -> HostError:
    """Why no SSH server answered: not there, not yet, or not for us."""
    if (found := _knock(ip, 22)) != "silent":
        why = "refuses connections" if found == "refused" else "does not speak SSH"
        return HostError(
            f"{ip}: port 22 {why}: its SSH server does not run, or fail2ban keeps this computer out for a while",
            "look at the droplet's console (Recovery Console): cloud-init may have failed before it had a host key",
            retryable=True,
        )
    if any(_knock(ip, port) != "silent" for port in ANYONES_PORTS):
        return KeptOutError(
            f"{ip}: port 22 does not answer, though the machine does: a firewall keeps this computer out",
            "add this computer's public address to `ssh_from` (or --ssh-from), then run again",
            retryable=True,
        )
    remedy = "look at the droplet's console (Recovery Console): it may not have booted"
    return HostError(f"{ip}: nothing answers", remedy, retryable=True)


def _knock(ip: str, port: int) -> str:
    """open, refused, or silent: a packet that a firewall drops is answered by nobody."""
    try:
        socket.create_connection((ip, port), KNOCK_S).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "silent"
    return "open"
