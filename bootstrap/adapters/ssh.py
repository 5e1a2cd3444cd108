"""Host over the OpenSSH client, as a process of its own.

The host key is checked twice: `ssh-keyscan` shows what is offered, and only a key whose hash is pinned goes into a
known_hosts file of this connection; then ssh itself, with StrictHostKeyChecking, proves the host has the private half.
"""

from __future__ import annotations

import atexit
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bootstrap.adapters import offers, process
from bootstrap.errors import HostError, HostKeyError, KeyRefusedError, UsageError
from bootstrap.ports.host import HostAddress, HostFactory, HostResult
from bootstrap.scratch import Scratch
from bootstrap_agent.waiting import until

CONNECT_S = 10
LOOPBACK = "127.0.0.1"
# fail2ban bans who is refused five times: a key that is not known is tried no oftener than this
KEY_TRIES, KEY_WAIT_S = 3, 3


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
        command = shlex.join(argv)
        done = process.run(self._argv(command), stdin=stdin or "", timeout_s=timeout_s)
        result = self._result(command, done, timeout_s)
        if check and result.exit_code != 0:
            last = process.last_line(result.stderr) or f"exit code {result.exit_code}"
            raise process.blamed(HostError(f"{self._address.ip}: {_named(command)}: {last}"), self._line(command))
        return result

    def feed(self, argv: Sequence[str], pieces: Iterable[bytes], *, timeout_s: float) -> HostResult:
        self._connect()
        command = shlex.join(argv)
        return self._result(command, process.feed(self._argv(command), pieces, timeout_s=timeout_s), timeout_s)

    def _result(self, command: str, done: process.Done, timeout_s: float) -> HostResult:
        if done.code is None:
            late = f"{self._address.ip}: {_named(command)} took longer than {timeout_s:.0f} s"
            raise process.blamed(HostError(late, retryable=True), self._line(command))
        if done.code == 255:
            raise process.blamed(self._cut_off(command, done.stderr), self._line(command))
        return HostResult(done.code, done.stdout, done.stderr, self._line(command))

    def wait_until_reachable(self, timeout_s: float) -> None:
        refused = 0
        last = HostError(f"{self._address.ip}: nobody asked")

        def reached() -> bool:
            nonlocal refused, last
            try:
                self.run(["true"], timeout_s=CONNECT_S + offers.SCAN_S)
            except HostKeyError:
                raise
            except KeyRefusedError as error:
                last, refused = error, refused + 1
                if refused == KEY_TRIES:
                    raise
                time.sleep(KEY_WAIT_S)
            except HostError as error:
                last = error
            else:
                return True
            return False

        def late() -> HostError:
            # of its own class: who is kept out must not have the machine replaced
            error = type(last)(f"no SSH session after {timeout_s:.0f} s: {last.message}", last.remedy)
            error.command = last.command
            return error

        until(reached, timeout_s=timeout_s, pause_s=0.5, late=late)

    def interactive(self, command: str, *, terminal: bool) -> int:
        self._connect()
        return subprocess.call(self._argv(command, *(["-t"] if command and terminal else [])))

    def listen(self, command: str, heard: Callable[[str], None]) -> int:
        self._connect()
        with subprocess.Popen(self._argv(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                # bytes: as text, a carriage return would end a line, too
                for line in process.stdout:
                    heard(line.decode(errors="replace").rstrip("\r\n"))
                return process.wait()
            finally:
                process.terminate()

    def tunnel(self, local: int, address: str, port: int, ready: Callable[[], None]) -> int:
        _require_free(local)
        self._connect()
        options = {
            # the shared connection would end when no command uses it
            "ControlPath": "none",
            "ExitOnForwardFailure": "yes",
            # runs when the port listens
            "PermitLocalCommand": "yes",
            "LocalCommand": "echo ready",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        forward = f"{LOOPBACK}:{local}:{address}:{port}"
        # of an option that is given twice, ssh takes the first
        argv = ["ssh", *words, *self._ssh()[1:], "-N", "-L", forward, self._target]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                if process.stdout.readline():
                    ready()
                return process.wait()
            finally:
                process.terminate()

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

    def _argv(self, command: str, *flags: str) -> list[str]:
        # the far side is a shell; never a secret in its command
        return [*self._ssh(), *flags, self._target, *(["--", command] if command else [])]

    def _line(self, command: str = "") -> str:
        """The same for a person. The files of this connection are gone by then: the pinned key stands in the line."""
        options = {
            "IdentitiesOnly": "yes",
            "HostKeyAlgorithms": "ssh-ed25519",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": "/dev/null",
            "KnownHostsCommand": f"/bin/echo {self._address.ip} {self._pinned[0]}",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        there = ["--", command] if command else []
        return process.line(["ssh", "-F", "none", "-i", str(self._key), *words, self._target, *there])

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
                raise process.blamed(self._no_connection(log.read()), self._line())

    def _alive(self) -> bool:
        if not self._socket.exists():
            return False
        return subprocess.run([*self._ssh(), "-O", "check", self._target], capture_output=True).returncode == 0

    def _pin(self) -> tuple[str, ...]:
        ip = self._address.ip
        offered = offers.host_keys(ip)
        self._pinned = tuple(key for key in offered if offers.hash_of(key) in self._address.host_key_hashes)
        if not self._pinned:
            error = HostKeyError(
                f"{ip} offers another host key than the one pinned on its droplet; nothing was sent",
                "another machine may be answering in its place: compare its key with the tag bootstrap-hostkey:",
            )
            raise process.blamed(error, process.line(offers.scan_argv(ip)))
        lines = "".join(f"{ip} {key}\n" for key in self._pinned)
        (Path(self._folder.name) / "known_hosts").write_text(lines)
        return self._pinned

    def _cut_off(self, command: str, stderr: str) -> HostError:
        """ssh tells a lost connection and a command that a signal ended alike; the words may be the command's."""
        error = self._no_connection(stderr)
        if isinstance(error, HostKeyError | KeyRefusedError):
            return error
        last = process.last_line(stderr)
        return HostError(
            f"{self._address.ip}: {_named(command)} was cut off: the connection was lost, or it was killed there"
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
        why = process.last_line(stderr) or "connection lost"
        return HostError(f"{ip}: {why}", "is the droplet up? run the same command again", retryable=True)


def _require_free(port: int) -> None:
    try:
        with socket.socket() as mine:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            mine.bind((LOOPBACK, port))
    except OSError as error:
        why = (error.strerror or "taken").lower()
        raise UsageError(f"port {port} of this computer: {why}", "name another one before it: LOCAL:…") from None


def _named(command: str) -> str:
    """Enough to recognise it: its arguments may be long."""
    return command[:80]
