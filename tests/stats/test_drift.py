from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from tidegate.errors import InvalidInputError
from tidegate.stats.drift import GREAT, population_stability

HISTOGRAMS = st.dictionaries(st.integers(-20, 60), st.integers(0, 500), max_size=20)


def log_normal(random: np.random.Generator, median: float, size: int, sigma: float = 0.7) -> dict[int, int]:
    values = np.exp(random.normal(math.log(median), sigma, size))
    buckets, counts = np.unique(np.floor(np.log2(values) * 8).astype(int), return_counts=True)
    return dict(zip(buckets.tolist(), counts.tolist(), strict=True))


def test_it_is_the_sum_that_its_definition_says():
    # Two bins of 60/40 against 30/70: (0.3 - 0.6) ln(0.3/0.6) + (0.7 - 0.4) ln(0.7/0.4), less what smoothing takes.
    found = population_stability({0: 60_000, 1: 40_000}, {0: 30_000, 1: 70_000}, bins=2)
    assert found.stability == pytest.approx(-0.3 * math.log(0.5) + 0.3 * math.log(1.75), rel=1e-4)
    assert found.degree == "great"


def test_noise_is_the_quantile_of_chi_square():
    found = population_stability(dict.fromkeys(range(10), 100), dict.fromkeys(range(10), 50))
    assert found.noise == pytest.approx(chi2.ppf(0.999, 9) * (1 / 1000 + 1 / 500), rel=0.01)


@given(HISTOGRAMS, HISTOGRAMS)
def test_it_is_never_negative_and_nothing_is_far_from_itself(one, other):
    assert population_stability(one, other).stability >= 0
    assert population_stability(one, one).stability == pytest.approx(0, abs=1e-9)


def test_without_a_change_days_stay_below_their_noise():
    random = np.random.default_rng(3)
    reference = log_normal(random, 120, 2_000)
    runs = [population_stability(reference, log_normal(random, 120, 1_000)) for _ in range(400)]
    assert sum(run.stability > run.noise for run in runs) <= 4  # 0.1 % and the Monte-Carlo error
    assert {run.degree for run in runs} == {"none"}


def test_answers_half_as_long_again_are_a_great_change():
    random = np.random.default_rng(4)
    found = population_stability(log_normal(random, 120, 2_000), log_normal(random, 220, 2_000))
    assert found.stability > GREAT
    assert found.degree == "great"


def test_few_values_prove_nothing():
    assert population_stability({0: 10, 5: 10}, {9: 20}).degree == "unknown"
    assert population_stability({}, {}).degree == "unknown"


@pytest.mark.parametrize(("reference", "bins"), [({0: 1}, 1), ({0: -1}, 10)])
def test_what_makes_no_sense_is_refused(reference, bins):
    with pytest.raises(InvalidInputError):
        population_stability(reference, {0: 1}, bins=bins)
