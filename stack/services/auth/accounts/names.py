"""Names travel in the access token, and so in a cookie, of which browsers take 4 KiB: they count in bytes."""

from __future__ import annotations

from django.core.exceptions import ValidationError

# Each of a person's two.
LONGEST = 150
# Written in JSON a byte of a letter outside of ASCII takes three.
SHOWN = 150


def fits(text: str) -> None:
    """A validator."""
    if len(text.encode()) > LONGEST:
        raise ValidationError(f"this is too long: {LONGEST} letters, or {LONGEST // 4} emoji")


def shortened(text: str) -> str:
    return text.encode()[:SHOWN].decode(errors="ignore")
