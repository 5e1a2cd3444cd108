"""An object as a bucket lists it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class StoredObject:
    """`etag` is what the server says of the bytes: see `contract/digest.py`."""

    key: str
    size: int
    modified: datetime
    etag: str | None = None
