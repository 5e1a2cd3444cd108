"""One instance of the local cloud: its folder, its name, who runs it. Several can run on a host side by side."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.host.files import locked, write_atomically
from localcloud.host.processes import Process
from localcloud.host.waiting import until

DEFAULT_HOME = Path("/var/lib/bootstrap-cloud")
DEFAULT_CACHE = Path("/var/cache/bootstrap-cloud")
SIGN_S = 20.0


class LocalCloudError(Exception):
    """One line that says what, where and what to do; `code` becomes the process's exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Home:
    path: Path
    cache: Path

    @staticmethod
    def of_environment() -> Home:
        path = Path(os.environ.get("BOOTSTRAP_CLOUD_HOME") or DEFAULT_HOME)
        cache = Path(os.environ.get("BOOTSTRAP_CLOUD_CACHE") or DEFAULT_CACHE)
        return Home(path.resolve(), cache.resolve())

    @property
    def name(self) -> str:
        """In the names of namespaces and links: short, and one to one with the folder."""
        return "local" if self.path == DEFAULT_HOME else hashlib.sha256(str(self.path).encode()).hexdigest()[:8]

    @property
    def state(self) -> Path:
        return self.path / "state.sqlite"

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.json"

    def read_endpoints(self) -> dict[str, Any]:
        """Of a cloud that is ready: the file is there for as long as it is."""
        return dict(json.loads(self.endpoints.read_text()))

    @property
    def log(self) -> Path:
        return self.path / "daemon.log"

    @property
    def run(self) -> Path:
        """The services' pid files, and the two locks."""
        return self.path / "run"

    @property
    def records(self) -> Path:
        return self.path / "dns" / "records.json"

    def token(self) -> str:
        """Made once; whoever may read the home may use the cloud."""
        path = self.path / "token"
        if not path.exists():
            write_atomically(path, f"dop_v1_{secrets.token_hex(32)}")
        return path.read_text()

    def limited_token(self, scopes: Sequence[str]) -> str:
        """A new one that may do what `scopes` say; a running cloud knows it at once."""
        token = f"dop_v1_{secrets.token_hex(32)}"
        write_atomically(self._tokens, json.dumps({**self._limited(), token: list(scopes)}, indent=1) + "\n")
        return token

    def scopes_of(self, token: str) -> Sequence[str] | None:
        return self._limited().get(token)

    @property
    def _tokens(self) -> Path:
        return self.path / "tokens.json"

    def _limited(self) -> dict[str, list[str]]:
        return dict(json.loads(self._tokens.read_text())) if self._tokens.exists() else {}

    @contextmanager
    def command_lock(self) -> Iterator[None]:
        """start, stop and reset of one instance come one after the other."""
        self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.run / "command.lock"):
            yield

    @contextmanager
    def claim_daemon(self) -> Iterator[int]:
        """The descriptor of the lock that the daemon holds as long as it lives, SIGKILL or not."""
        self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.run / "daemon.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalCloudError(f"a daemon for {self.path} runs already") from None
            yield lock.fileno()

    def sign_daemon(self) -> None:
        """By the holder of that lock: this process is the daemon."""
        me = Process.of(os.getpid())
        assert me is not None, "this process runs"
        write_atomically(self.run / "daemon.pid", " ".join(map(str, me.words())))

    def daemon(self) -> Process | None:
        """The living daemon. One that holds its lock is waited for until it has signed."""

        def signed_or_gone() -> tuple[Process | None] | None:
            if not self._claimed():
                return (None,)
            signer = Process.written(self._signature().split())
            return (signer,) if signer is not None and signer.alive() else None

        def late() -> LocalCloudError:
            return LocalCloudError(
                f"{self.path}: a daemon was started and does not get to its work (log: {self.log}): "
                f"end the process that `fuser {self.run / 'daemon.lock'}` names, then run the same command again"
            )

        (daemon,) = until(signed_or_gone, timeout_s=SIGN_S, pause_s=0.02, late=late)
        return daemon

    def _claimed(self) -> bool:
        path = self.run / "daemon.lock"
        if not path.exists():
            return False
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _signature(self) -> str:
        path = self.run / "daemon.pid"
        return path.read_text() if path.exists() else ""
