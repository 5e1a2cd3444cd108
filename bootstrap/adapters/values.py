"""Values for `.env.production` that a program prints: a password manager, or whatever decrypts a file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.adapters.process import run
from bootstrap.errors import CredentialsError, RequirementError

# somebody may have to unlock it
TIMEOUT_S = 300


@dataclass(frozen=True)
class Commands:
    """Each is run once in `folder`, with nothing on standard input; no shell reads its words. What it prints stays in
    memory and goes into no message, on whichever of its outputs."""

    folder: Path
    timeout_s: float = TIMEOUT_S
    _printed: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, command: str) -> str:
        if command not in self._printed:
            self._printed[command] = self._run(command)
        return self._printed[command]

    def _run(self, command: str) -> str:
        argv = shlex.split(command)
        try:
            done = run(argv, cwd=self.folder, timeout_s=self.timeout_s, errors="surrogateescape")
        except OSError as error:
            what = f"env_from: {argv[0]} cannot be started: {error.strerror}"
            raise RequirementError(what, "is it installed?") from None
        if done.code != 0:
            how = f"took longer than {self.timeout_s:g} s" if done.code is None else f"ended with {done.code}"
            raise CredentialsError(f"env_from: {argv[0]} {how}", "run it by hand: are you logged in there?")
        try:
            done.stdout.encode()
        except UnicodeEncodeError:
            raise CredentialsError(f"env_from: {argv[0]} printed what is not UTF-8", "run it by hand") from None
        return done.stdout
