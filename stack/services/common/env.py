"""Settings from the environment only; a service does not start on one that is missing or still a placeholder."""

from __future__ import annotations

import os
import re
import sys

_PLACEHOLDER = re.compile(r"<[^>]*>")


def required(name: str, *, min_length: int = 1) -> str:
    value = optional(name)
    if len(value) < min_length:
        wanted = "is not set" if not value else f"is shorter than {min_length} characters"
        _refuse(name, wanted)
    return value


def optional(name: str, default: str = "") -> str:
    value = os.environ.get(name, "").strip()
    if _PLACEHOLDER.search(value):
        _refuse(name, "still holds a placeholder")
    return value or default


def flag(name: str, default: str = "false") -> bool:
    value = optional(name, default).lower()
    if value not in ("true", "false"):
        _refuse(name, "is neither True nor False")
    return value == "true"


def items(name: str) -> list[str]:
    return [item for item in (part.strip() for part in required(name).split(",")) if item]


def _refuse(name: str, why: str) -> None:
    sys.exit(f"{name} {why}: see .env.production.example")
