"""What the person at the terminal calls this program: `bootstrap cloud` passes its words on, and its own name."""

from __future__ import annotations

import os

NAME = "localcloud"
VARIABLE = "LOCALCLOUD_PROGRAM"


def program() -> str:
    return os.environ.get(VARIABLE) or NAME
