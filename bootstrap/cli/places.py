"""Folders of this computer."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "bootstrap"


def cloud_home() -> Path:
    """The local cloud's folder."""
    return Path(os.environ.get("BOOTSTRAP_CLOUD_HOME", "/var/lib/bootstrap-cloud"))
