"""The operator's own programs, run before and after what a command does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.ports.progress import Progress

# an hour of output is nothing that a person reads on the way
LINES = 200


@dataclass(frozen=True)
class Hooks:
    """Executables in `folder`, named after their moment. Each gets this process's environment and the facts on top of
    it, nothing on standard input, and `timeout_s`; what it prints is told on the way, so that `--json` stays one
    document."""

    folder: Path
    timeout_s: float
    progress: Progress

    def run(self, name: str, facts: Mapping[str, str]) -> None:
        """Nothing where there is none; BootstrapError when it cannot be started, fails or takes too long."""
        program = self.folder / name
        if not program.is_file():
            return
        if not os.access(program, os.X_OK):
            raise BootstrapError(f"hook {program} is not executable", f"chmod +x {program}")
        with self.progress.step(f"hook {name}"):
            code, said = self._ran(program, facts)
            for line in said[-LINES:]:
                self.progress.note(line)
            if code == 0:
                return
            how = f"took longer than {self.timeout_s:g} s" if code is None else f"ended with {code}"
            last = f": {said[-1]}" if said else ""
            remedy = "make it faster, or `hook_timeout_s` in bootstrap.yaml longer" if code is None else None
            raise BootstrapError(f"hook {program} {how}{last}", remedy)

    def _ran(self, program: Path, facts: Mapping[str, str]) -> tuple[int | None, list[str]]:
        try:
            # a session of its own, so that what it started ends with it
            process = subprocess.Popen(
                [str(program.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **facts},
                start_new_session=True,
            )
        except OSError as error:
            raise BootstrapError(
                f"hook {program} cannot be started: {error.strerror}", "does it begin with a line such as #!/bin/sh?"
            ) from None
        try:
            said, _ = process.communicate(timeout=self.timeout_s)
            return process.returncode, _lines(said)
        except subprocess.TimeoutExpired:
            _end(process)
            said, _ = process.communicate()
            return None, _lines(said)
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _lines(said: bytes) -> list[str]:
    return [line.rstrip() for line in said.decode(errors="replace").splitlines() if line.strip()]
