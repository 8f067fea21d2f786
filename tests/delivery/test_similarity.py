"""How alike two texts are: a number with laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.similarity import SCALE, similarity

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(TEXTS, TEXTS)
def test_it_is_symmetric_and_within_bounds(one, other):
    found = similarity(one, other)
    assert 0 <= found <= SCALE
    assert found == similarity(other, one)


@given(TEXTS)
def test_equal_texts_are_wholly_alike(text):
    assert similarity(text, text) == SCALE


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("the parcel is late", "THE  parcel is late", SCALE),
        ("a b c d", "a b c e", 2 * 2 * SCALE // 6),
        ("yes", "no", 0),
        ("a b c", "c b a", 0),  # order counts
        ("", "something", 0),
    ],
)
def test_it_counts_word_pairs(one, other, expected):
    assert similarity(one, other) == expected
