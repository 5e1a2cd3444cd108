"""Files that a browser may show in the page: pictures, by what they begin with, whatever their name says. No SVG: it
may hold a script."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_LONGEST = 12


def kind_of(upload: UploadedFile) -> str:
    """Its content type; empty for whatever is only downloaded."""
    upload.seek(0)
    head = upload.read(_LONGEST)
    upload.seek(0)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), "")
