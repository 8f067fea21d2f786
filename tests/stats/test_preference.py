"""Wins, ties and losses: exact laws, then worlds with fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.preference import (
    Preferences,
    decided_interval,
    log_evidence_of_better,
    log_evidence_of_difference,
    log_evidence_of_win_rate_above,
    log_evidence_of_win_rate_below,
    log_evidence_of_worse,
    win_rate_interval,
)

ENOUGH = math.log(20)
counts = st.builds(Preferences, st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))


@pytest.mark.parametrize("than", [0.45, 0.5, 0.6])
@pytest.mark.parametrize("decided", [1, 8, 50])
def test_at_the_border_the_evidence_averages_one(than, decided):
    for evidence in (log_evidence_of_better, log_evidence_of_worse):
        total = math.fsum(
            math.comb(decided, w)
            * than**w
            * (1 - than) ** (decided - w)
            * math.exp(evidence(Preferences(w, 3, decided - w), than))
            for w in range(decided + 1)
        )
        assert total == pytest.approx(1, rel=1e-9)


def test_against_a_half_it_is_the_sign_test():
    from tidegate.stats.mixture import GRID, LOG_WEIGHTS

    points = [1 / (1 + math.exp(-d)) for d in GRID]
    pairs = zip(points, LOG_WEIGHTS, strict=True)
    expected = math.log(math.fsum(math.exp(w) * (2 * t) ** 31 * (2 * (1 - t)) ** 17 for t, w in pairs))
    assert log_evidence_of_better(Preferences(31, 40, 17)) == pytest.approx(expected, rel=1e-12)


@given(counts)
def test_worse_is_better_of_the_other_one(pairs):
    assert log_evidence_of_worse(pairs) == log_evidence_of_better(Preferences(pairs.losses, pairs.ties, pairs.wins))
    both = math.exp(min(600, log_evidence_of_better(pairs))) + math.exp(min(600, log_evidence_of_worse(pairs)))
    assert math.exp(min(600, log_evidence_of_difference(pairs))) == pytest.approx(both / 2, rel=1e-9)


@given(counts, counts)
def test_counts_add_up(one, other):
    assert one + other == other + one
    assert (one + other).count == one.count + other.count


@given(counts)
def test_intervals_hold_the_estimate(pairs):
    low, high = win_rate_interval(pairs, 0.05)
    if pairs.count:
        assert low <= pairs.win_rate <= high + 1e-12
    else:
        assert (low, high) == (0.0, 1.0)
        assert math.isnan(pairs.win_rate)
    if pairs.wins + pairs.losses:
        low, high = decided_interval(pairs, 0.05)
        assert low <= pairs.wins / (pairs.wins + pairs.losses) <= high


def test_an_equal_candidate_with_many_ties_is_soon_known_to_be_no_worse():
    pairs = Preferences(20, 360, 20)
    assert log_evidence_of_win_rate_above(pairs) >= ENOUGH
    assert log_evidence_of_better(pairs, 0.45) < ENOUGH  # the sign test sees forty pairs only


def test_a_worse_one_is_known_to_be_worse():
    assert log_evidence_of_win_rate_below(Preferences(30, 10, 90)) >= ENOUGH
    assert log_evidence_of_win_rate_above(Preferences(30, 10, 90)) < 0


def test_equal_arms_looked_at_after_each_pair_alarm_less_than_alpha():
    generator, runs, units = np.random.default_rng(9), 300, 240
    outcomes = generator.choice(3, p=[0.4, 0.2, 0.4], size=(runs, units))
    found = 0
    for run in outcomes:
        wins, losses = np.cumsum(run == 0), np.cumsum(run == 2)
        looks = range(0, units, 4)
        found += any(log_evidence_of_better(Preferences(int(wins[i]), 0, int(losses[i]))) >= ENOUGH for i in looks)
    assert found / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
