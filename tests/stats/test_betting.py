"""Betting on bounded scores: exact laws, then worlds with fixed seeds."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.betting import SCALE, bounds, log_evidence_above, log_evidence_below, lower_bound, upper_bound

ENOUGH = math.log(20)
scores = st.dictionaries(st.integers(0, SCALE), st.integers(0, 400), max_size=6)


@pytest.mark.parametrize("values", [(0.0, 0.5, 1.0), (0.2, 0.9), (0.0, 1.0)])
def test_at_the_true_mean_the_fortune_averages_one(values):
    chances = [0.5, 0.3, 0.2][: len(values)]
    chances = [c / sum(chances) for c in chances]
    mean = sum(c * v for c, v in zip(chances, values, strict=True))
    for evidence in (log_evidence_above, log_evidence_below):
        total = 0.0
        for draws in itertools.product(range(len(values)), repeat=5):
            counts = Counter(round(values[i] * SCALE) for i in draws)
            total += math.prod(chances[i] for i in draws) * math.exp(evidence(counts, mean))
        assert total == pytest.approx(1, rel=1e-9)


@given(scores, st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_the_evidence_falls_as_the_mean_in_question_rises(counts, mean, step):
    assert log_evidence_above(counts, mean) >= log_evidence_above(counts, mean + step) - 1e-9


@given(scores, st.floats(0.01, 0.99))
def test_below_is_above_of_the_mirror_image(counts, mean):
    mirrored = {SCALE - score: n for score, n in counts.items()}
    assert log_evidence_below(counts, mean) == pytest.approx(log_evidence_above(mirrored, 1 - mean), rel=1e-9, abs=1e-9)


@given(scores)
def test_bounds_lie_around_the_mean_and_at_the_limit_of_the_evidence(counts):
    low, high = bounds(counts, 0.1)
    n = sum(counts.values())
    if not n:
        assert (low, high) == (0.0, 1.0)
        return
    assert -1e-12 <= low <= sum(s * k for s, k in counts.items()) / n / SCALE <= high <= 1 + 1e-12
    if low > 1e-6:
        assert log_evidence_above(counts, low) >= ENOUGH - 1e-9
        assert log_evidence_above(counts, low + 1e-6) < ENOUGH + 0.05


def test_scores_out_of_range_are_refused():
    with pytest.raises(ValueError, match="millionths"):
        lower_bound({SCALE + 1: 3}, 0.05)
    with pytest.raises(ValueError, match="rules out nothing"):
        log_evidence_above({1: 1}, 0.0)


@pytest.mark.parametrize("weights", [(0.2, 0.6, 0.2), (0.7, 0.25, 0.05)])
def test_looking_after_each_unit_alarms_less_than_alpha(weights):
    generator, runs, units = np.random.default_rng(8), 600, 800
    values = generator.choice([0.0, 0.5, 1.0], p=weights, size=(runs, units))
    mean = float(np.dot(weights, [0.0, 0.5, 1.0]))
    from tidegate.stats.betting import _PARTS

    capital = np.mean([np.exp(np.cumsum(np.log1p(f * (values / mean - 1)), axis=1)) for f in _PARTS], axis=0)
    assert np.mean(np.any(capital >= 20, axis=1)) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_bound_of_many_scores_is_narrow():
    counts = {round(0.8 * SCALE): 600, round(0.4 * SCALE): 400}
    assert 0.60 < lower_bound(counts, 0.05) < 0.64 < upper_bound(counts, 0.05) < 0.68
