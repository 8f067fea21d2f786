from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tidegate.stats.fixed_horizon.group_sequential import (
    boundaries,
    crossing_probabilities,
    obrien_fleming,
    pocock,
)

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_published_boundaries_of_five_looks():
    """Lan-DeMets two-sided 5 %, as tabulated by Reboussin, DeMets, Kim, Lan (Control. Clin. Trials 21(3), 2000)."""
    assert boundaries(FIVE) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)
    assert boundaries(FIVE, spending=pocock) == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-4)


def test_one_look_is_the_fixed_test():
    assert boundaries([1.0], 0.05) == pytest.approx([stats.norm.ppf(0.975)])
    assert boundaries([1.0], 0.05, is_two_sided=False) == pytest.approx([stats.norm.ppf(0.95)])


@pytest.mark.parametrize("spending", [obrien_fleming, pocock])
@pytest.mark.parametrize("fractions", [FIVE, (0.1, 0.15, 0.7, 1.0), (0.5, 0.9)])
def test_a_boundary_spends_what_it_was_given(spending, fractions):
    limits = boundaries(fractions, 0.05, spending)
    assert crossing_probabilities(fractions, limits, is_two_sided=True).sum() == pytest.approx(
        2 * spending(fractions[-1], 0.025), rel=1e-6
    )


def test_crossing_two_looks_is_a_bivariate_normal_probability():
    limits, drift, t = (1.5, 1.2), 1.0, 0.4
    rho = math.sqrt(t)
    mean = [drift * math.sqrt(t), drift]
    stay = stats.multivariate_normal(mean, [[1, rho], [rho, 1]]).cdf(limits)
    assert crossing_probabilities([t, 1.0], limits, drift).sum() == pytest.approx(1 - stay, abs=1e-6)


def test_looking_five_times_at_196_is_wrong_one_time_in_seven():
    """Armitage, McPherson, Rowe 1969, table 2: .142 for five looks."""
    assert crossing_probabilities(FIVE, [1.959964] * 5, is_two_sided=True).sum() == pytest.approx(0.142, abs=5e-4)


def test_simulated_looks_agree():
    generator, runs = np.random.default_rng(8), 20_000
    scores = np.cumsum(generator.normal(0, math.sqrt(0.2), (runs, 5)) + 2.5 * 0.2, axis=1)
    limits = boundaries(FIVE)
    found = np.any(scores / np.sqrt(FIVE) >= limits, axis=1).mean()
    assert crossing_probabilities(FIVE, limits, 2.5).sum() == pytest.approx(found, abs=0.012)


def test_a_look_without_a_limit_spends_nothing():
    assert crossing_probabilities([0.5, 1.0], [math.inf, 1.644854]).tolist() == pytest.approx([0, 0.05], abs=1e-6)


@pytest.mark.parametrize("fractions", [[], [0.5, 0.5], [0, 1], [0.5, 1.2]])
def test_fractions_that_do_not_rise_are_refused(fractions):
    with pytest.raises(ValueError, match="rise"):
        boundaries(fractions)
