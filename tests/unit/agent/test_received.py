"""A part of version 1 that is read: whole as it was, in whatever pieces it comes, or an error."""

from __future__ import annotations

import gzip
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap_agent.backup.stream import Received
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import StoredPart


def received(body: bytes, part: StoredPart, piece: int) -> bytes:
    pieces = (body[at : at + piece] for at in range(0, len(body), piece))
    return b"".join(Received(pieces, part))


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_in_whatever_pieces(content: bytes, piece: int) -> None:
    body = gzip.compress(content)
    part = StoredPart("k", len(body), sha256(body).hexdigest())
    assert received(body, part, piece) == content


@given(st.binary(max_size=3000), st.integers(1, 500), st.data())
@settings(max_examples=300)
def test_truncated_or_flipped_anywhere_is_an_error(content: bytes, piece: int, data: st.DataObject) -> None:
    body = gzip.compress(content)
    part = StoredPart("k", len(body), sha256(body).hexdigest())
    at, bit = data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(0, 7))
    for broken in (body[:at], body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :], body + b"\0", body + body):
        with pytest.raises(BackupError, match="object k is damaged"):
            received(broken, part, piece)
