"""The same numbers as scipy.stats and statsmodels where they compute the same."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from tidegate.stats.distribution import bucket
from tidegate.stats.fixed_horizon.two_samples import (
    cuped,
    difference_of_ratios,
    mann_whitney,
    two_proportion_z,
    welch_t,
    wilson,
)
from tidegate.stats.ratio import Ratio
from tidegate.stats.summaries import Covaried, Events, Moments

ALTERNATIVES = {"two-sided": "two-sided", "larger": "greater", "smaller": "less"}


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_welch_is_scipys(alternative):
    generator = np.random.default_rng(4)
    one, other = generator.integers(0, 900, 40), generator.integers(100, 1_200, 90)
    theirs = stats.ttest_ind(one, other, equal_var=False, alternative=ALTERNATIVES[alternative])
    ours = welch_t(Moments.of(one.tolist()), Moments.of(other.tolist()), alternative=alternative)
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    low, high = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (ours.lower, ours.upper) == pytest.approx((low, high))


@pytest.mark.parametrize("alternative", ["two-sided", "larger", "smaller"])
@pytest.mark.parametrize("counts", [(30, 400, 55, 420), (0, 50, 3, 60), (5, 5, 1, 9)])
def test_two_proportions_are_statsmodels(counts, alternative):
    x, n, y, m = counts
    statistic, p_value = proportions_ztest([x, y], [n, m], alternative=alternative)
    ours = two_proportion_z(Events(x, n), Events(y, m), alternative=alternative)
    assert ours.statistic == pytest.approx(statistic)
    assert ours.p_value == pytest.approx(p_value)
    assert (ours.lower, ours.upper) == pytest.approx(confint_proportions_2indep(x, n, y, m, method="newcomb"))
    assert wilson(Events(x, n)) == pytest.approx(proportion_confint(x, n, method="wilson"), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 12), min_size=3, max_size=60),
    st.lists(st.integers(0, 12), min_size=3, max_size=60),
    st.sampled_from(sorted(ALTERNATIVES)),
)
def test_mann_whitney_with_ties_is_scipys(one, other, alternative):
    ours = mann_whitney(Counter(one), Counter(other), alternative)
    theirs = stats.mannwhitneyu(one, other, alternative=ALTERNATIVES[alternative], method="asymptotic")
    assert ours.statistic == theirs.statistic
    if len({*one, *other}) > 1:
        assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.estimate == pytest.approx(theirs.statistic / len(one) / len(other))


def test_ranks_of_a_histogram_are_nearly_those_of_the_values():
    generator = np.random.default_rng(5)
    one, other = (np.exp(generator.normal(mu, 0.6, 800)) * 1e6 for mu in (13.1 - 13, 0.0))
    raw = stats.mannwhitneyu(one, other, method="asymptotic").pvalue
    counted = mann_whitney(Counter(bucket(int(v)) for v in one), Counter(bucket(int(v)) for v in other)).p_value
    assert counted == pytest.approx(raw, rel=0.15)


def test_too_few_units_rule_nothing_out():
    for finding in (
        welch_t(Moments.of([1]), Moments.of([1, 2])),
        two_proportion_z(Events(), Events(1, 3)),
        mann_whitney({}, {1: 2}),
        difference_of_ratios(Ratio.of(1, 1), Ratio.of(1, 1) + Ratio.of(2, 1)),
        cuped(Covaried.of([(1, 1)]), Covaried.of([(1, 1), (2, 1)])),
    ):
        assert math.isnan(finding.estimate)
        assert (finding.lower, finding.upper, finding.p_value) == (-math.inf, math.inf, 1.0)


def test_values_without_any_spread_are_known():
    assert welch_t(Moments.of([5, 5]), Moments.of([5, 5])).p_value == 1
    assert welch_t(Moments.of([6, 6]), Moments.of([5, 5])).p_value == 0
    assert two_proportion_z(Events(0, 9), Events(0, 9)).p_value == 1
    assert mann_whitney({3: 4}, {3: 9}).p_value == 1


def test_cuped_removes_what_the_covariate_explains():
    generator, widths, covered = np.random.default_rng(6), [], 0
    for _ in range(300):
        arms = []
        for effect in (40, 0):
            x = generator.normal(1_000, 200, 200)
            y = x * 2 + effect + generator.normal(0, 150, 200)
            arms.append(Covaried.of(zip(np.rint(y).astype(int).tolist(), np.rint(x).astype(int).tolist(), strict=True)))
        found = cuped(*arms)
        plain = welch_t(*(Moments(a.count, a.total, a.squares) for a in arms))
        widths.append((found.upper - found.lower) / (plain.upper - plain.lower))
        covered += found.lower <= 40 <= found.upper
    assert np.mean(widths) == pytest.approx(150 / math.hypot(150, 400), rel=0.03)
    assert abs(covered / 300 - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 300)


def test_cuped_without_a_varying_covariate_is_the_plain_difference():
    arms = [Covaried.of((y, 7) for y in values) for values in ([3, 5, 9, 1], [2, 2, 8, 4])]
    assert cuped(*arms).estimate == pytest.approx(0.5)


def test_ratios_over_units_keep_their_level_where_requests_would_not():
    generator, false_units, false_requests = np.random.default_rng(7), 0, 0
    for _ in range(400):
        arms, requests = [], []
        for _ in range(2):
            level = generator.beta(1, 9, 120)
            sizes = 1 + generator.poisson(15, 120)
            events = generator.binomial(sizes, level)
            arms.append(sum(map(Ratio.of, events.tolist(), sizes.tolist()), Ratio()))
            requests.append(Events(int(events.sum()), int(sizes.sum())))
        false_units += difference_of_ratios(*arms).p_value < 0.05
        false_requests += two_proportion_z(*requests).p_value < 0.05
    assert false_units / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert false_requests / 400 > 0.15
