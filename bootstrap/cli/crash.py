"""A traceback for the issue tracker: in a file that only its owner reads, without the values of secrets."""

from __future__ import annotations

import os
import re
import time
import traceback
from pathlib import Path

from bootstrap.cli.context import known_secrets
from bootstrap.cli.places import state_dir
from bootstrap.errors import BootstrapError


def reported(error: BaseException) -> BootstrapError:
    """The one line, and where the rest stands, if it can be written anywhere."""
    what = f"unexpected {type(error).__name__} in bootstrap itself"
    try:
        return BootstrapError(what, f"the report is in {write_report(error)}")
    except OSError as problem:
        return BootstrapError(
            f"{what}; its report cannot be written: {problem.filename}: {problem.strerror}",
            "set XDG_STATE_HOME to a folder that you may write to, then run it again",
        )


def write_report(error: BaseException) -> Path:
    folder = state_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(redact(text))
    return path


def redact(text: str) -> str:
    for secret in known_secrets():
        text = text.replace(secret, "[secret]")
    # what a URL or an environment file may carry into an exception's message
    return re.sub(r"(?i)(\w*(?:password|secret|token|signing_key)\w*['\"]?\s*[=:]\s*)\S+", r"\1[secret]", text)
