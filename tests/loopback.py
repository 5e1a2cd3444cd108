"""Addresses of the loopback that are this run's alone: another one may test on the same computer, at ports that must be
the usual ones."""

from __future__ import annotations

import os


def own(block: int) -> str:
    """Each block has one."""
    return f"127.{block}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
