"""What we need of a droplet's shell. Implementations: `adapters/ssh.py`, and a fake in the tests.

- The host key is pinned before the first byte: a session to a host that offers any other key raises
  HostKeyError and nothing of `stdin` leaves this computer.
- `run` never puts a secret in argv: secrets go through `stdin`.
- A non-zero exit raises HostError with the last line of stderr, unless `check` is False.
- Connection failures are HostError with retryable=True; the command may or may not have run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class HostResult:
    exit_code: int
    stdout: str
    stderr: str
    # one line that does the same from this computer's shell; what stdin was, it does not say
    command: str = ""


@dataclass(frozen=True)
class HostAddress:
    """Where a droplet is and which keys it may offer: SHA-256 of the public key blob, in hex."""

    ip: str
    user: str
    host_key_hashes: tuple[str, ...]


class Host(Protocol):
    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60, check: bool = True
    ) -> HostResult: ...

    def feed(self, argv: Sequence[str], pieces: Iterable[bytes], *, timeout_s: float) -> HostResult:
        """`run` without `check`, of a command that reads `pieces` as they come: none of them is kept. `timeout_s`
        begins when all are sent. What `pieces` raises goes on to the caller, and the command hears no more."""

    def wait_until_reachable(self, timeout_s: float) -> None:
        """Returns when a command ran; raises HostError at the deadline, HostKeyError at once."""

    def interactive(self, command: str, *, terminal: bool) -> int:
        """Hands stdin, stdout and stderr to `command`, which the far side's shell reads, or to that shell when it is
        empty; returns the exit code. With `terminal` the far side has one, too."""

    def listen(self, command: str, heard: Callable[[str], None]) -> int:
        """Each line that `command`, which the far side's shell reads, writes to stdout, as it comes; its stderr is this
        process's. Returns the exit code."""

    def tunnel(self, local: int, address: str, port: int, ready: Callable[[], None]) -> int:
        """127.0.0.1:`local` here is `address`:`port` as the far side reaches it, until this process is interrupted;
        `ready` is called as soon as it is. Returns the exit code of a tunnel that ended by itself; UsageError when the
        local port is taken."""

    def host_keys(self) -> tuple[str, ...]:
        """The public keys offered now, as `type base64`, among the pinned ones."""

    def close(self) -> None: ...


HostFactory = Callable[[HostAddress], Host]
