"""The ETag that S3 gives an object, from its bytes alone."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap_agent.contract import digest
from bootstrap_agent.contract.digest import Digest


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def fed(etag: str, *pieces: bytes) -> Digest:
    made = Digest(etag)
    for piece in pieces:
        made.update(piece)
    return made


@given(st.binary(max_size=100), st.lists(st.integers(0, 100), max_size=5))
@settings(deadline=None)
def test_any_chunking_gives_the_etag_of_the_parts(content: bytes, cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest, "part_size", lambda sent, *cut: 10)
        parts = [content[at : at + 10] for at in range(0, len(content), 10)] or [b""]
        etag = f'"{md5(b"".join(map(md5, parts))).hex()}-{len(parts)}"'
        edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
        pieces = [content[a:b] for a, b in itertools.pairwise(edges)]
        assert fed(etag, *pieces).matches() is True
        assert fed(f'"{md5(content).hex()}"', *pieces).matches() is True
        assert fed(etag, *pieces).sha256 == hashlib.sha256(content).hexdigest()
        assert fed(etag, *pieces, b"x").matches() in (None, False)


def test_what_says_nothing_of_the_bytes_is_not_taken_for_a_difference() -> None:
    assert fed(md5(b"other").hex(), b"content").matches() is False
    assert fed(f"{md5(b'other').hex()}-1", b"content").matches() is False
    # cut into parts by somebody else
    assert fed(f"{md5(b'other').hex()}-2", b"content").matches() is None
    assert fed("opaque", b"content").matches() is None and fed("", b"content").matches() is None


@pytest.mark.parametrize("first", [8 << 20, 16 << 20])
def test_objects_of_releases_before_are_known_by_their_parts(first: int) -> None:
    content = bytes(range(256)) * (80 << 10)
    parts = [content[at : at + first] for at in range(0, len(content), first)]
    etag = f"{md5(b''.join(map(md5, parts))).hex()}-{len(parts)}"
    assert fed(etag, content).matches() is True
