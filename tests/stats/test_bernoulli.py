"""Bounds of a rate: equal to the integral they claim to be, and right at every look."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.bernoulli import bounds, log_evidence


def brute_force_log_evidence(events: int, trials: int, rate: float, points: int = 100_000) -> float:
    """The mixture integral over theta = sin^2(x), which makes the Beta(1/2, 1/2) weight uniform in x."""
    total = 0.0
    for index in range(points):
        theta = math.sin((index + 0.5) / points * math.pi / 2) ** 2
        total += theta**events * (1 - theta) ** (trials - events)
    return math.log(total / points) - events * math.log(rate) - (trials - events) * math.log(1 - rate)


@pytest.mark.parametrize(("events", "trials", "rate"), [(0, 10, 0.05), (3, 20, 0.05), (10, 10, 0.5), (40, 200, 0.3)])
def test_the_evidence_is_the_mixture_integral(events, trials, rate):
    assert log_evidence(events, trials, rate) == pytest.approx(brute_force_log_evidence(events, trials, rate), abs=1e-6)


def test_impossible_rates_are_ruled_out():
    assert log_evidence(1, 10, 0.0) == math.inf
    assert log_evidence(9, 10, 1.0) == math.inf
    assert log_evidence(0, 10, 0.0) < 0


@given(st.integers(0, 3_000), st.data(), st.floats(0.001, 0.5))
def test_bounds_enclose_the_estimate_and_are_where_the_evidence_reaches_one_over_alpha(trials, data, alpha):
    events = data.draw(st.integers(0, trials))
    lower, upper = bounds(events, trials, alpha)
    assert 0 <= lower <= upper <= 1
    if trials:
        assert lower <= events / trials <= upper
    for bound in (lower, upper):
        if 1e-9 < bound < 1 - 1e-9 and trials:
            assert log_evidence(events, trials, bound) == pytest.approx(-math.log(alpha), abs=1e-4)


def test_nothing_seen_bounds_nothing():
    assert bounds(0, 0, 0.05) == (0.0, 1.0)


def test_flawless_units_bound_the_rate_as_the_design_says():
    assert bounds(0, 120, 0.05)[1] < 0.05 < bounds(0, 90, 0.05)[1]
    assert bounds(0, 1_600, 0.05)[1] < 0.005


def test_a_total_failure_breaches_five_percent_within_five_requests():
    assert bounds(5, 5, 0.05)[0] > 0.05


@pytest.mark.parametrize(("rate", "seed"), [(0.05, 1), (0.3, 2)])
def test_under_continuous_looking_the_true_rate_is_excluded_at_most_as_often_as_alpha(rate, seed):
    alpha, runs, looks = 0.1, 1_000, 400
    generator, enough = random.Random(seed), math.log(1 / 0.1)
    missed = 0
    for _ in range(runs):
        events = 0
        for trials in range(1, looks + 1):
            events += generator.random() < rate
            if log_evidence(events, trials, rate) >= enough:
                missed += 1
                break
    standard_error = math.sqrt(alpha * (1 - alpha) / runs)
    assert missed / runs <= alpha + 3 * standard_error
    assert missed / runs > alpha / 20  # and not because it never decides


def test_a_rate_of_twice_the_limit_is_found():
    generator, found = random.Random(3), 0
    for _ in range(100):
        events = 0
        for trials in range(1, 1_001):
            events += generator.random() < 0.10
            if trials % 10 == 0 and bounds(events, trials, 0.05)[0] > 0.05:
                found += 1
                break
    assert found >= 95
