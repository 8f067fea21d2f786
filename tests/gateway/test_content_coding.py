from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.gateway.content_coding import UnreadableCodingError, decoder_of


def test_identity_needs_nothing():
    assert decoder_of(None) is None
    assert decoder_of(b"identity") is None


@given(st.binary(max_size=2_000), st.integers(1, 50))
def test_gzip_is_undone_in_whatever_pieces_it_comes(plain, size):
    decode = decoder_of(b" GZIP ")
    packed = gzip.compress(plain)
    assert b"".join(decode(packed[at : at + size]) for at in range(0, len(packed), size)) == plain


def test_other_codings_and_broken_gzip_are_faults():
    with pytest.raises(UnreadableCodingError, match="br"):
        decoder_of(b"br")
    with pytest.raises(UnreadableCodingError, match="broken"):
        decoder_of(b"gzip")(b"no gzip at all")


def test_a_bomb_is_a_fault():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(64 << 20)) + packer.flush()
    with pytest.raises(UnreadableCodingError, match="swells"):
        decoder_of(b"gzip")(bomb)
