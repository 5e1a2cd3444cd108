"""One instance of the local cloud: its folder, its name, who runs it. Several can run on a host side by side."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.localcloud.files import locked, write_atomically

DEFAULT_HOME = Path("/var/lib/bootstrap-cloud")
DEFAULT_CACHE = Path("/var/cache/bootstrap-cloud")


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

    @contextmanager
    def command_lock(self) -> Iterator[None]:
        """start, stop and reset of one instance come one after the other."""
        self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.run / "command.lock"):
            yield

    @contextmanager
    def daemon_lock(self) -> Iterator[None]:
        """Held by the daemon as long as it lives, SIGKILL or not; the file holds its pid."""
        self.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.run / "daemon.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalCloudError(f"a daemon for {self.path} runs already") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def daemon(self) -> int | None:
        """The pid of the living daemon."""
        path = self.run / "daemon.lock"
        if not path.exists():
            return None
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
        return None
