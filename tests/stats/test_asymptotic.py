"""Bounds of a mean: right under continuous looking once there are enough values."""

from __future__ import annotations

import math
import random

import pytest

from tidegate.stats.asymptotic import MINIMUM_VALUES, critical, log_evidence_above, lower_bound, tuning


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_tuning_solves_lamberts_equation(alpha):
    y = tuning(alpha, 1)  # y - 1 with y e^-y = alpha^2 / e
    assert (y + 1) * math.exp(-(y + 1)) == pytest.approx(alpha**2 / math.e)


def test_the_one_sided_critical_value_at_the_horizon_is_the_published_one():
    assert -lower_bound(0.0, 1.0, 5_000, 0.05, horizon=5_000) * math.sqrt(5_000) == pytest.approx(2.779, abs=0.003)


def test_without_values_nothing_is_known():
    assert lower_bound(0.0, 0.0, 0, 0.05) == -math.inf


@pytest.mark.parametrize(("shape", "seed"), [("normal", 4), ("lognormal", 5)])
def test_under_continuous_looking_the_mean_is_overstated_at_most_as_often_as_alpha(shape, seed):
    alpha, runs, looks = 0.1, 400, 1_000
    generator = random.Random(seed)
    true = 0.0 if shape == "normal" else math.exp(0.7**2 / 2)
    wrong = 0
    for _ in range(runs):
        total = squares = 0.0
        for n in range(1, looks + 1):
            value = generator.gauss(0, 1) if shape == "normal" else generator.lognormvariate(0, 0.7)
            total, squares = total + value, squares + value * value
            if n < MINIMUM_VALUES or n % 5:
                continue
            deviation = math.sqrt((squares - total * total / n) / (n - 1))
            if lower_bound(total / n, deviation, n, alpha) > true:
                wrong += 1
                break
    assert wrong / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("count", [200, 2_000, 20_000])
def test_the_evidence_reaches_its_level_where_the_bound_leaves_zero(alpha, count):
    z = critical(count, alpha, horizon=2_000)
    assert log_evidence_above(z * 1.02, count, alpha, horizon=2_000) > -math.log(alpha)
    assert log_evidence_above(z * 0.97, count, alpha, horizon=2_000) < -math.log(alpha)


def test_evidence_is_finite_far_on_the_wrong_side_and_none_without_values():
    assert log_evidence_above(5.0, 0, 0.05, horizon=1_000) == 0.0
    assert log_evidence_above(math.nan, 100, 0.05, horizon=1_000) == 0.0
    values = [log_evidence_above(-z, 1_000, 0.05, horizon=1_000) for z in (1, 10, 29, 31, 100, 1e6)]
    assert values == sorted(values, reverse=True)
    assert all(math.isfinite(value) for value in values)


def test_under_continuous_looking_evidence_of_nothing_is_found_at_most_as_often_as_alpha():
    alpha, runs = 0.1, 600
    generator = random.Random(11)
    wrong = 0
    for _ in range(runs):
        total = 0.0
        for n in range(1, 1_001):
            total += generator.gauss(0, 1)
            z = total / math.sqrt(n)
            if n >= MINIMUM_VALUES and log_evidence_above(z, n, alpha, horizon=500) >= -math.log(alpha):
                wrong += 1
                break
    assert wrong / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
