"""The properties hold of their seeds and of what Hypothesis makes of them; `make fuzz` looks further."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.properties import PROPERTIES, SEEDS


@pytest.mark.parametrize("name", PROPERTIES)
def test_seeds_hold(name):
    for seed in SEEDS[name]:
        PROPERTIES[name](seed)


@pytest.mark.parametrize("name", PROPERTIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_seeds_with_a_piece_exchanged_hold(name, data):
    seed = data.draw(st.sampled_from(SEEDS[name]))
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, len(seed)))
    PROPERTIES[name](seed[:start] + data.draw(st.binary(max_size=6)) + seed[end:])
