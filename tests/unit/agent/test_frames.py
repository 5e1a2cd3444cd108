"""A stream whose end is told."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap_agent.contract.errors import HostError
from bootstrap_agent.contract.frames import LARGEST, framed, unframed


@given(st.lists(st.binary(max_size=50)))
def test_what_goes_in_comes_out(pieces: list[bytes]) -> None:
    assert b"".join(unframed(io.BytesIO(b"".join(framed(pieces))))) == b"".join(pieces)


def test_pieces_of_any_size() -> None:
    data = bytes(3 * LARGEST + 5)
    found = list(unframed(io.BytesIO(b"".join(framed([data])))))
    assert b"".join(found) == data and max(map(len, found)) == LARGEST


@given(st.data())
def test_one_that_breaks_off_anywhere_is_no_whole_one(data: st.DataObject) -> None:
    whole = b"".join(framed([b"some", b"", b"thing"]))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(HostError, match="broke off"):
        list(unframed(io.BytesIO(whole[:cut])))


def test_what_is_none_of_ours() -> None:
    with pytest.raises(HostError, match="no stream of bootstrap's"):
        list(unframed(io.BytesIO(b"-- PostgreSQL")))
