from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.summaries import Covaried, Events, Moments, Ratio

numbers = st.integers(0, 10**12)
pairs = st.lists(st.tuples(numbers, numbers), max_size=30)


@given(pairs, st.integers(0, 30), st.integers(0, 30))
def test_any_split_adds_up_to_the_same_bits(values, one, other):
    first, second = sorted((one, other))
    for kind in (Ratio, Covaried):
        parts = [kind.of(values[:first]), kind.of(values[first:second]), kind.of(values[second:])]
        assert (parts[0] + parts[1]) + parts[2] == parts[2] + (parts[1] + parts[0]) == kind.of(values)
        assert kind() + kind.of(values) == kind.of(values)
    flat = [n for n, _ in values]
    assert Moments.of(flat[:first]) + Moments.of(flat[first:]) == Moments.of(flat)


def test_moments_are_numpys():
    values = np.random.default_rng(1).integers(0, 10**9, 500)
    found = Moments.of(int(v) for v in values)
    assert found.mean == pytest.approx(values.mean())
    assert found.variance == pytest.approx(values.var(ddof=1))
    assert math.isnan(Moments().mean)
    assert math.isnan(Moments.of([3]).variance)


def test_a_ratio_of_sums_has_the_variance_of_its_residuals():
    generator = np.random.default_rng(2)
    sizes = generator.integers(1, 20, 200)
    cost = sizes * 30 + generator.integers(0, 100, 200)
    found = Ratio.of(zip(cost.tolist(), sizes.tolist(), strict=True))
    residuals = cost - cost.sum() / sizes.sum() * sizes
    assert found.estimate == pytest.approx(cost.sum() / sizes.sum())
    assert found.variance == pytest.approx(200 / 199 * (residuals**2).sum() / sizes.sum() ** 2)
    assert math.isnan(Ratio().estimate)
    assert math.isnan(Ratio.of([(1, 2)]).variance)


def test_the_variance_of_a_ratio_is_what_repetition_shows():
    generator, estimates, variances = np.random.default_rng(3), [], []
    for _ in range(1_500):
        sizes = 1 + generator.poisson(4, 150)
        level = generator.beta(2, 18, 150)
        events = generator.binomial(sizes, level)
        found = Ratio.of(zip(events.tolist(), sizes.tolist(), strict=True))
        estimates.append(found.estimate)
        variances.append(found.variance)
    assert np.mean(variances) == pytest.approx(np.var(estimates), rel=0.15)


def test_rates():
    assert Events(3, 12).rate == 0.25
    assert math.isnan(Events().rate)
    assert Events(1, 2) + Events(3, 4) == Events(4, 6)
