"""Differences of rates, ratios of means and quantiles, sample ratios, verdicts."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats import asymptotic, sample_ratio
from tidegate.stats.asymptotic import Pair, difference_of_means, log_ratio_of_means
from tidegate.stats.comparison import Tail, difference_of_rates, judge_harm, log_ratio_of_quantiles
from tidegate.stats.distribution import Distribution
from tidegate.stats.verdict import Verdict


def spread(values) -> Distribution:
    return sum((Distribution.of(int(value)) for value in values), Distribution())


def costs(seed: int, count: int, mean: float = 20_000, sigma: float = 0.5) -> Distribution:
    generator = random.Random(seed)
    return spread(mean * generator.lognormvariate(0, sigma) for _ in range(count))


def test_critical_values_at_the_horizon_are_those_of_the_paper():
    assert asymptotic.critical(5_000, 0.05, horizon=5_000, is_two_sided=True) == pytest.approx(3.035, abs=5e-4)
    assert asymptotic.critical(5_000, 0.05, horizon=5_000) == pytest.approx(2.779, abs=5e-4)
    assert asymptotic.critical(0, 0.05, horizon=5_000) == math.inf


def test_the_bound_of_one_mean_is_its_error_times_the_critical_value():
    width = 10 - asymptotic.lower_bound(10, 3, 400, 0.05, horizon=1_000)
    assert width == pytest.approx(3 / 20 * asymptotic.critical(400, 0.05, horizon=1_000))


def test_a_flawless_candidate_passes_a_margin_of_five_points_after_about_a_hundred_units():
    passed_at = next(n for n in range(10, 2_000) if difference_of_rates((0, n), (0, 20 * n), 0.05).upper < 0.05)
    assert 80 < passed_at < 160
    passed_at = next(n for n in range(10, 5_000) if difference_of_rates((0, n), (0, 20 * n), 0.05).upper < 0.005)
    assert 900 < passed_at < 2_000


def test_an_arm_without_units_says_nothing():
    found = difference_of_rates((0, 0), (3, 100), 0.05)
    assert math.isnan(found.estimate)
    assert (found.lower <= -0.03, found.upper > 0.9) == (True, True)


def test_the_difference_of_rates_covers_at_every_look():
    runs, missed = 150, 0
    for seed in range(runs):
        generator, counts = random.Random(seed), [[0, 0], [0, 0]]
        for n in range(1, 1_501):
            arm = generator.random() < 0.3
            counts[arm][0] += generator.random() < 0.1
            counts[arm][1] += 1
            if n % 25 == 0:
                found = difference_of_rates(tuple(counts[1]), tuple(counts[0]), 0.05)
                if not found.lower <= 0 <= found.upper:
                    missed += 1
                    break
    assert missed <= runs * 0.1 + 3 * math.sqrt(runs * 0.1 * 0.9)  # both sides, 5 % each


def test_the_ratio_of_means_is_found_and_bounded():
    found = log_ratio_of_means([Pair(costs(1, 2_000, 24_000), costs(2, 4_000))], 0.05, horizon=5_000)
    assert found.lower < math.log(1.2) < found.upper
    assert found.lower > math.log(1.1)
    assert found.estimate == pytest.approx(math.log(1.2), abs=0.05)


def test_means_are_compared_within_each_stratum():
    night, day = 10_000, 40_000  # prices double twice while the ramp goes up
    strata = [Pair(costs(1, 200, night), costs(2, 9_000, night)), Pair(costs(3, 4_000, day), costs(4, 4_000, day))]
    pooled = [Pair(strata[0].candidate + strata[1].candidate, strata[0].stable + strata[1].stable)]
    assert log_ratio_of_means(pooled, 0.05, horizon=10_000).lower > 0.3
    found = log_ratio_of_means(strata, 0.05, horizon=10_000)
    assert found.lower < 0 < found.upper
    found = difference_of_means(strata, 0.05, horizon=10_000, is_two_sided=True)
    assert found.lower < 0 < found.upper
    assert difference_of_means(strata, 0.05, horizon=10_000, factor=1.1).upper < 0


def test_without_values_a_mean_is_unbounded():
    for compare in (log_ratio_of_means, difference_of_means):
        found = compare([Pair(Distribution(), costs(1, 50))], 0.05, horizon=100)
        assert (found.lower, found.upper) == (-math.inf, math.inf)
        assert math.isnan(found.estimate)


def test_equal_means_are_condemned_at_most_as_often_as_alpha_says():
    runs, alarms = 100, 0
    for seed in range(runs):
        generator, arms = random.Random(seed), [Distribution(), Distribution()]
        for n in range(1, 1_201):
            arm = generator.random() < 0.5
            arms[arm] += Distribution.of(int(1_000 * generator.lognormvariate(0, 0.6)))
            if n % 40 or min(a.count for a in arms) < asymptotic.MINIMUM_VALUES:
                continue
            if log_ratio_of_means([Pair(arms[1], arms[0])], 0.05, horizon=2_000).lower > 0:
                alarms += 1
                break
    assert alarms <= runs * 0.05 + 3 * math.sqrt(runs * 0.05 * 0.95)


def test_a_quantile_with_failures_above_it_is_infinite():
    values = spread(range(1_000, 2_000))
    assert Tail(values).quantile(0.5) == pytest.approx(1_500, rel=0.03)
    assert Tail(values, 2_000).quantile(0.95) == math.inf
    assert Tail(Distribution()).quantile(0.5) == 0


def test_the_ratio_of_quantiles_is_found_with_enough_values_and_unbounded_without():
    fast, slow = Tail(costs(1, 4_000, 1_000_000, 0.7)), Tail(costs(2, 4_000, 1_300_000, 0.7))
    found = log_ratio_of_quantiles(slow, fast, 0.95, 0.05, horizon=8_000)
    assert 0 < found.lower < math.log(1.3) < found.upper
    few = Tail(costs(3, 199, 1_000_000))
    assert log_ratio_of_quantiles(few, fast, 0.95, 0.05, horizon=8_000).upper == math.inf
    broken = Tail(fast.values, 400)
    assert log_ratio_of_quantiles(broken, fast, 0.95, 0.05, horizon=8_000).upper == math.inf


def test_a_sample_ratio_as_declared_is_no_mismatch_and_another_is():
    assert sample_ratio.log_mismatch([497, 9_503], [0.05, 0.95]) < 0
    assert sample_ratio.log_mismatch([350, 9_650], [0.05, 0.95]) > -math.log(sample_ratio.ALARM)
    assert sample_ratio.log_mismatch([1, 10], [0.0, 1.0]) == math.inf
    assert sample_ratio.log_mismatch([0, 0], [0.05, 0.95]) == pytest.approx(0)


def test_the_mismatch_has_mean_one_under_the_declared_shares():
    n, share = 60, 0.2
    mean = math.fsum(
        math.comb(n, k)
        * share**k
        * (1 - share) ** (n - k)
        * math.exp(sample_ratio.log_mismatch([k, n - k], [share, 1 - share]))
        for k in range(n + 1)
    )
    assert mean == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [(3.841458820694124, 1, 0.05), (5.991464547107979, 2, 0.05), (18.420680743952367, 2, 1e-4), (0.5, 4, 0.97350098)],
)
def test_the_tail_of_chi_squared_is_that_of_the_tables(statistic, degrees, p):
    assert sample_ratio.upper_gamma(degrees / 2, statistic / 2) == pytest.approx(p, rel=1e-6)


def test_chi_squared_counts_arms_of_a_share_only():
    statistic, p = sample_ratio.chi_squared([5_300, 4_700, 0], [0.5, 0.5, 0.0])
    assert statistic == pytest.approx(36)
    assert p == pytest.approx(math.erfc(math.sqrt(18)), rel=1e-9)
    assert sample_ratio.chi_squared([0, 0], [0.5, 0.5]) == (0.0, 1.0)
    with pytest.raises(ValueError, match="two arms"):
        sample_ratio.chi_squared([5], [1.0])


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-0.5, 0.5))
def test_a_verdict_needs_the_whole_interval_on_one_side(lower, width, margin):
    verdict = judge_harm(lower, lower + width, margin)
    assert (verdict is Verdict.FAIL) == (lower > margin)
    assert (verdict is Verdict.PASS) == (lower + width < margin)


def test_sample_ratios_over_rounds_with_shares_of_their_own():
    """Lost units of one arm show although every single round is small; shares that move are no mismatch."""
    generator = np.random.default_rng(4)
    shares = [(0.2 + 0.02 * k, 0.8 - 0.02 * k) for k in range(30)]
    fair = [[int(n := generator.binomial(80, share)), 80 - int(n)] for share, _ in shares]
    assert sample_ratio.log_mismatch_of_rounds(fair, shares) < -math.log(sample_ratio.ALARM)
    lossy = [[round(a * 0.7), b] for a, b in fair]
    assert sample_ratio.log_mismatch_of_rounds(lossy, shares) > -math.log(sample_ratio.ALARM)
    assert sample_ratio.log_mismatch_of_rounds([], []) == 0
    assert sample_ratio.log_mismatch_of_rounds([[0, 7]], [(0.0, 1.0)]) == 0
