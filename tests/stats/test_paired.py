"""Paired differences: laws of the sums and of the evidence, then worlds with fixed seeds."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from tidegate.stats.paired import (
    RHO,
    Differences,
    interval,
    log_evidence_of_decrease,
    log_evidence_of_difference,
    log_evidence_of_increase,
)

ENOUGH = math.log(20)
whole = st.lists(st.integers(-(10**9), 10**9), max_size=40)


@given(whole, st.data())
def test_sums_do_not_depend_on_how_the_pairs_were_split(values, data):
    cut = data.draw(st.integers(0, len(values)))
    assert Differences.of(values[:cut]) + Differences.of(values[cut:]) == Differences.of(values)
    assert Differences.of(values[cut:]) + Differences.of(values[:cut]) == Differences.of(values)


@given(whole, st.integers(-(10**6), 10**6))
def test_taking_an_offset_from_the_sums_is_taking_it_from_each_pair(values, offset):
    assert Differences.of(values).minus(offset) == Differences.of(v - offset for v in values)


@pytest.mark.parametrize("evidence", [log_evidence_of_increase, log_evidence_of_difference])
@pytest.mark.parametrize("values", [(30, -10, 22, 15), (0, 0), (-400, 3, 5)])
def test_the_closed_form_is_the_mixture_it_stands_for(evidence, values):
    pairs, rho = Differences.of(values), RHO * 100
    width = math.sqrt(1 / rho)

    def integrand(bet: float) -> float:
        prior = math.exp(-bet * bet * rho / 2) / (width * math.sqrt(2 * math.pi))
        return prior * math.exp(bet * pairs.total - bet * bet * pairs.squares / 2)

    low, factor = (0.0, 2.0) if evidence is log_evidence_of_increase else (-12 * width, 1.0)
    expected = factor * integrate.quad(integrand, low, 12 * width, limit=400)[0]
    assert evidence(pairs, scale=10) == pytest.approx(math.log(expected), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("evidence", [log_evidence_of_increase, log_evidence_of_decrease, log_evidence_of_difference])
def test_over_all_signs_of_given_sizes_the_evidence_averages_at_most_one(evidence):
    sizes = (1, 7, 7, 20, 400, 3, 90, 15)
    found = [
        math.exp(evidence(Differences.of(s * d for s, d in zip(signs, sizes, strict=True)), scale=5))
        for signs in itertools.product((-1, 1), repeat=len(sizes))
    ]
    assert 0 < math.fsum(found) / len(found) <= 1


def test_an_increase_of_the_mirror_image_is_a_decrease():
    pairs, mirrored = Differences.of([5, 9, -2]), Differences.of([-5, -9, 2])
    assert log_evidence_of_decrease(mirrored, scale=3, tolerated=-1) == log_evidence_of_increase(
        pairs, scale=3, tolerated=1
    )


def test_evidence_stays_finite_far_in_the_wrong_direction():
    assert -math.inf < log_evidence_of_increase(Differences.of([-(10**6)] * 10_000), scale=10**6) < -4


@given(st.lists(st.integers(-1_000, 1_000), min_size=12, max_size=60))
def test_the_edges_of_the_interval_are_where_evidence_reaches_its_limit(values):
    low, high = interval(Differences.of(values), 0.05, scale=300)
    if math.isinf(low):
        return
    assert low <= sum(values) / len(values) <= high
    for edge in (low, high):
        shifted = [value - edge for value in values]
        n, total, squares = len(shifted), math.fsum(shifted), math.fsum(v * v for v in shifted)
        rho = RHO * 300**2
        found = 0.5 * math.log(rho / (squares + rho)) + total**2 / (2 * (squares + rho))
        assert n
        assert found == pytest.approx(ENOUGH, abs=1e-6)


def test_few_pairs_leave_the_interval_open_and_no_pairs_are_no_evidence():
    assert interval(Differences.of([1, 2]), 0.05, scale=1) == (-math.inf, math.inf)
    assert interval(Differences(), 0.05, scale=1) == (-math.inf, math.inf)
    assert log_evidence_of_increase(Differences(), scale=1) == pytest.approx(0)
    assert math.isnan(Differences().mean)


def test_a_size_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        log_evidence_of_increase(Differences.of([1]), scale=0)


def stops(generator: np.random.Generator, shift: float, runs: int, pairs: int) -> float:
    """Part of the runs in which a look after each pair ever finds an increase; Cauchy tails, scale badly guessed."""
    values = generator.standard_cauchy((runs, pairs)) + shift
    total, squares = np.cumsum(values, axis=1), np.cumsum(values**2, axis=1)
    from scipy.special import log_ndtr

    rho = RHO * 3.0**2
    log_e = np.log(2) + 0.5 * np.log(rho / (squares + rho)) + total**2 / (2 * (squares + rho))
    log_e += log_ndtr(total / np.sqrt(squares + rho))
    return float(np.mean(np.any(log_e >= ENOUGH, axis=1)))


def test_heavy_tails_looked_at_after_each_pair_alarm_less_than_alpha():
    assert stops(np.random.default_rng(5), 0.0, 1_000, 1_000) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1_000)


def test_a_real_increase_is_found():
    generator = random.Random(6)
    found = 0
    for _ in range(100):
        pairs = Differences.of(round(100 * generator.gauss(0.4, 1)) for _ in range(200))
        found += log_evidence_of_increase(pairs, scale=100) >= ENOUGH
    assert found >= 95
