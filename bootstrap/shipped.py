"""Where Packer's folder, cloud-init's template and the agent are: beside the package in a checkout, inside it where it
was installed from a wheel (tools/wheel_backend.py puts them there)."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
INSTALLED = _PACKAGE / "resources"


def is_installed() -> bool:
    return INSTALLED.is_dir()


def root() -> Path:
    """The folder with packer/ and cloud-init/."""
    return INSTALLED if is_installed() else _PACKAGE.parent
