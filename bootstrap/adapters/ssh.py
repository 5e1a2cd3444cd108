"""Host over the OpenSSH client, as a process of its own.

The host key is checked twice: `ssh-keyscan` shows what is offered, and only a key whose hash is pinned goes into a
known_hosts file of this connection; then ssh itself, with StrictHostKeyChecking, proves the host has the private half.
"""

from __future__ import annotations

import atexit
import base64
import binascii
import hashlib
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bootstrap.errors import HostError, HostKeyError, KeptOutError, KeyRefusedError, RequirementError
from bootstrap.ports.host import HostAddress, HostFactory, HostResult
from bootstrap.scratch import Scratch

CONNECT_S = 10
SCAN_S = 5
KNOCK_S = 3
# fail2ban bans who is refused five times: a key that is not known is tried no oftener than this
KEY_TRIES, KEY_WAIT_S = 3, 3
# open to everyone on a droplet: whether something serves there or not, a machine that is up answers
ANYONES_PORTS = (443, 80)


def ssh_hosts(key: Path) -> HostFactory:
    """Hosts that are logged in to with this private key."""
    return lambda address: SSHHost(address, key)


class SSHHost:
    def __init__(self, address: HostAddress, key: Path) -> None:
        self._address, self._key = address, key
        # short, as a socket's path has at most 107 characters
        self._folder = Scratch("ssh")
        self._pinned: tuple[str, ...] = ()
        atexit.register(self.close)

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60, check: bool = True
    ) -> HostResult:
        self._connect()
        try:
            done = subprocess.run(
                self._command(argv),
                input=stdin or "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired:
            raise HostError(
                f"{self._address.ip}: {_named(argv)} took longer than {timeout_s:.0f} s", retryable=True
            ) from None
        if done.returncode == 255:
            raise self._cut_off(argv, done.stderr)
        if check and done.returncode != 0:
            last = _last_line(done.stderr) or f"exit code {done.returncode}"
            raise HostError(f"{self._address.ip}: {_named(argv)}: {last}")
        return HostResult(done.returncode, done.stdout, done.stderr)

    def wait_until_reachable(self, timeout_s: float) -> None:
        deadline, refused = time.monotonic() + timeout_s, 0
        while True:
            try:
                self.run(["true"], timeout_s=CONNECT_S + SCAN_S)
                return
            except HostKeyError:
                raise
            except KeyRefusedError:
                refused += 1
                if refused == KEY_TRIES:
                    raise
                time.sleep(KEY_WAIT_S)
            except HostError as error:
                if time.monotonic() > deadline:
                    # of its own class: who is kept out must not have the machine replaced
                    told = f"no SSH session after {timeout_s:.0f} s: {error.message}"
                    raise type(error)(told, error.remedy) from None
            time.sleep(0.5)

    def interactive(self, argv: Sequence[str]) -> int:
        self._connect()
        terminal = ["-t"] if argv and sys.stdin.isatty() else []
        return subprocess.call(self._command(argv, *terminal))

    def host_keys(self) -> tuple[str, ...]:
        return self._pin()

    def close(self) -> None:
        atexit.unregister(self.close)
        if self._socket.exists():
            subprocess.run([*self._ssh(), "-O", "exit", self._target], capture_output=True, check=False)
        self._folder.cleanup()

    # the connection

    @property
    def _target(self) -> str:
        return f"{self._address.user}@{self._address.ip}"

    @property
    def _socket(self) -> Path:
        return Path(self._folder.name) / "s"

    def _ssh(self) -> list[str]:
        """Nothing of ~/.ssh/config applies: what is pinned here must not be unpinned there."""
        options = {
            "IdentityFile": str(self._key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(Path(self._folder.name) / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HashKnownHosts": "no",
            "UpdateHostKeys": "no",
            "HostKeyAlgorithms": "ssh-ed25519",
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_S),
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "3",
            "LogLevel": "ERROR",
            "ControlPath": str(self._socket),
        }
        return [
            "ssh",
            "-F",
            "/dev/null",
            *(part for name, value in options.items() for part in ("-o", f"{name}={value}")),
        ]

    def _command(self, argv: Sequence[str], *flags: str) -> list[str]:
        # the far side is a shell: one quoted word per argument, and never a secret among them
        return [*self._ssh(), *flags, self._target, *(["--", shlex.join(argv)] if argv else [])]

    def _connect(self) -> None:
        """One authenticated connection that the commands share; a dead one is noticed and made anew."""
        if self._alive():
            return
        self._pin()
        self._socket.unlink(missing_ok=True)
        with tempfile.TemporaryFile(mode="w+") as log:
            # the master stays in the background and would keep a pipe open, so its stderr is a file
            code = subprocess.call(
                [*self._ssh(), "-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-f", "-N", self._target],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
            log.seek(0)
            if code != 0:
                raise self._no_connection(log.read())

    def _alive(self) -> bool:
        if not self._socket.exists():
            return False
        return subprocess.run([*self._ssh(), "-O", "check", self._target], capture_output=True).returncode == 0

    def _pin(self) -> tuple[str, ...]:
        offered = self._scan()
        self._pinned = tuple(key for key in offered if _hash(key) in self._address.host_key_hashes)
        if not self._pinned:
            raise HostKeyError(
                f"{self._address.ip} offers another host key than the one pinned on its droplet; nothing was sent",
                "another machine may be answering in its place: compare its key with the tag bootstrap-hostkey:",
            )
        lines = "".join(f"{self._address.ip} {key}\n" for key in self._pinned)
        (Path(self._folder.name) / "known_hosts").write_text(lines)
        return self._pinned

    def _scan(self) -> list[str]:
        try:
            done = subprocess.run(
                ["ssh-keyscan", "-T", str(SCAN_S), "-t", "ed25519", self._address.ip],
                capture_output=True,
                text=True,
                timeout=SCAN_S * 3,
            )
        except FileNotFoundError:
            raise RequirementError("the OpenSSH client is missing", "apt install openssh-client") from None
        except subprocess.TimeoutExpired:
            raise self._nobody() from None
        fields = [line.split() for line in done.stdout.splitlines() if line and not line.startswith("#")]
        keys = [f"{field[1]} {field[2]}" for field in fields if len(field) >= 3]
        if not keys:
            raise self._nobody()
        return keys

    def _nobody(self) -> HostError:
        """Why no SSH server answered: not there, not yet, or not for us."""
        ip = self._address.ip
        if (found := knock(ip, 22)) != "silent":
            why = "refuses connections" if found == "refused" else "does not speak SSH"
            return HostError(
                f"{ip}: port 22 {why}: its SSH server does not run, or fail2ban keeps this computer out for a while",
                "look at the droplet's console: cloud-init may have failed before the host key was written",
                retryable=True,
            )
        if any(knock(ip, port) != "silent" for port in ANYONES_PORTS):
            return KeptOutError(
                f"{ip}: port 22 does not answer, though the machine does: a firewall keeps this computer out",
                "add this computer's public address to `ssh_from` (or --ssh-from), then run again",
                retryable=True,
            )
        return HostError(
            f"{ip}: nothing answers", "look at the droplet's console: it may not have booted", retryable=True
        )

    def _cut_off(self, argv: Sequence[str], stderr: str) -> HostError:
        """ssh tells a lost connection and a command that a signal ended alike; the words may be the command's."""
        error = self._no_connection(stderr)
        if isinstance(error, HostKeyError | KeyRefusedError):
            return error
        last = _last_line(stderr)
        return HostError(
            f"{self._address.ip}: {_named(argv)} was cut off: the connection was lost, or it was killed there"
            + (f"; its last words: {last}" if last else ""),
            error.remedy,
            retryable=True,
        )

    def _no_connection(self, stderr: str) -> HostError:
        ip = self._address.ip
        if "Host key verification failed" in stderr:
            return HostKeyError(f"{ip}: the host key is not the pinned one; nothing was sent")
        if "Permission denied" in stderr:
            return KeyRefusedError(
                f"{ip}: {self._address.user} may not log in with the key {self._key}",
                "name the key that the droplet was created with: --ssh-key FILE, or `ssh_key` in bootstrap.yaml",
                retryable=True,
            )
        why = _last_line(stderr) or "connection lost"
        return HostError(f"{ip}: {why}", "is the droplet up? run the same command again", retryable=True)


def knock(ip: str, port: int) -> str:
    """open, refused, or silent: a packet that a firewall drops is answered by nobody."""
    try:
        socket.create_connection((ip, port), KNOCK_S).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "silent"
    return "open"


def _hash(key: str) -> str:
    try:
        return hashlib.sha256(base64.b64decode(key.split()[1], validate=True)).hexdigest()
    except (binascii.Error, IndexError):
        return ""


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _named(argv: Sequence[str]) -> str:
    """Enough to recognise a command: its arguments may be long."""
    return shlex.join(argv)[:80]
