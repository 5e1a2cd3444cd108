"""Who may log in to a droplet."""

from __future__ import annotations

import msgspec


class Access(msgspec.Struct, frozen=True):
    """Lines of authorized_keys. `access add` and `access remove` take the same on stdin."""

    keys: tuple[str, ...] = ()
