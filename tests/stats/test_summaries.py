from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.summaries import Covaried, Events, Moments

numbers = st.integers(0, 10**12)
pairs = st.lists(st.tuples(numbers, numbers), max_size=30)


@given(pairs, st.integers(0, 30), st.integers(0, 30))
def test_any_split_adds_up_to_the_same_bits(values, one, other):
    first, second = sorted((one, other))
    parts = [Covaried.of(values[:first]), Covaried.of(values[first:second]), Covaried.of(values[second:])]
    assert (parts[0] + parts[1]) + parts[2] == parts[2] + (parts[1] + parts[0]) == Covaried.of(values)
    assert Covaried() + Covaried.of(values) == Covaried.of(values)
    flat = [n for n, _ in values]
    assert Moments.of(flat[:first]) + Moments.of(flat[first:]) == Moments.of(flat)


def test_moments_are_numpys():
    values = np.random.default_rng(1).integers(0, 10**9, 500)
    found = Moments.of(int(v) for v in values)
    assert found.mean == pytest.approx(values.mean())
    assert found.variance == pytest.approx(values.var(ddof=1))
    assert math.isnan(Moments().mean)
    assert math.isnan(Moments.of([3]).variance)


def test_rates():
    assert Events(3, 12).rate == 0.25
    assert math.isnan(Events().rate)
    assert Events(1, 2) + Events(3, 4) == Events(4, 6)
