"""Integrals agree with what draws from the same posteriors say, and with what can be known without either."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tidegate.stats.adaptive.best_arm import best_of_means, best_of_rates
from tidegate.stats.adaptive.thompson import beta_draws, normal_draws, thompson, top_two, top_two_shares

RATES = [
    ([300, 330], [1_000, 1_000]),
    ([0, 0, 0], [0, 0, 0]),
    ([3, 300, 2], [5, 1_000, 10]),
    ([0, 40_000], [3, 100_000]),
    ([1.5, 2.25, 70], [4, 3, 90]),
]


@pytest.mark.parametrize(("successes", "trials"), RATES)
def test_rates_as_by_draws(successes, trials):
    draws = beta_draws(successes, trials, np.random.default_rng(5), 200_000)
    assert best_of_rates(successes, trials) == pytest.approx(thompson(draws), abs=0.005)


def test_means_as_by_draws_and_in_closed_form():
    draws = normal_draws([1.0, 1.2, 0.7], [0.3, 0.1, 0.5], np.random.default_rng(5), 200_000)
    assert best_of_means([1.0, 1.2, 0.7], [0.3, 0.1, 0.5]) == pytest.approx(thompson(draws), abs=0.005)
    two = best_of_means([0.0, 1.0], [0.6, 0.8])
    assert two[1] == pytest.approx((1 + math.erf(1 / math.sqrt(2))) / 2, abs=0.002)
    assert best_of_means([3.0, 2.0], [0.0, 0.0]) == pytest.approx([1.0, 0.0])


def test_the_same_counts_give_the_same_bits():
    assert best_of_rates([3, 4], [9, 9]).tobytes() == best_of_rates([3, 4], [9, 9]).tobytes()


def test_what_is_no_posterior_is_refused():
    with pytest.raises(ValueError, match="successes"):
        best_of_rates([3], [2])
    with pytest.raises(ValueError, match="finite standard error"):
        best_of_means([1.0], [math.inf])


def test_top_two_from_probabilities_is_top_two_from_draws():
    draws = normal_draws([1.0, 1.2, 0.7], [0.3, 0.2, 0.5], np.random.default_rng(5), 100_000)
    assert top_two_shares(thompson(draws)) == pytest.approx(top_two(draws), abs=0.001)
    certain = top_two_shares(np.array([1.0, 0.0, 0.0]))
    assert certain.sum() == pytest.approx(1.0)
    assert certain == pytest.approx([0.5, 0.25, 0.25], abs=1e-3)
    with pytest.raises(ValueError, match="two arms"):
        top_two_shares(np.array([1.0]))
