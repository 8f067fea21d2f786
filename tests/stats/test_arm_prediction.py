"""Predict the arm from the outcome: exact laws, then worlds with fixed seeds."""

from __future__ import annotations

import math
import random
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.arm_prediction import (
    Stratum,
    log_evidence_of_difference,
    log_evidence_of_frequent_harm,
    log_evidence_of_harm,
    log_evidence_of_safety,
    log_likelihood,
    log_ratio_interval,
)
from tidegate.stats.mixture import log_sum

ENOUGH = math.log(20)


def binomial(n: int, p: float) -> list[float]:
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


strata = st.builds(
    lambda share, c, ce, s, se: Stratum(share, min(c, ce), c, min(s, se), s),
    st.floats(0.01, 0.99),
    st.integers(0, 500),
    st.integers(0, 60),
    st.integers(0, 5_000),
    st.integers(0, 200),
)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
@pytest.mark.parametrize("ratio", [1.0, 1.5])
@pytest.mark.parametrize("events", [1, 7, 60])
def test_at_the_border_of_the_hypothesis_the_evidence_has_mean_one(share, ratio, events):
    border = share * ratio / (1 - share + share * ratio)
    chances = binomial(events, border)
    for evidence in (log_evidence_of_harm, log_evidence_of_safety):
        values = [evidence([Stratum(share, x, x, events - x, events - x)], ratio) for x in range(events + 1)]
        assert math.fsum(c * math.exp(v) for c, v in zip(chances, values, strict=True)) == pytest.approx(1, rel=1e-9)
    inside = binomial(events, border / 2)  # a better candidate: less than one, on average
    mean = math.fsum(
        c * math.exp(log_evidence_of_harm([Stratum(share, x, x, events - x, events - x)], ratio))
        for x, c in enumerate(inside)
    )
    assert mean <= 1


@pytest.mark.parametrize("predicted", [0.05, 0.3, 0.8])
def test_the_frequent_form_has_mean_one_whatever_rate_was_predicted(predicted):
    total = 0.0
    share, rate, n = 0.3, 0.4, 7
    for candidates, chance in enumerate(binomial(n, share)):
        for x, chance_x in enumerate(binomial(candidates, rate)):
            for y, chance_y in enumerate(binomial(n - candidates, rate)):
                counts = Stratum(share, x, candidates, y, n - candidates)
                total += chance * chance_x * chance_y * math.exp(log_evidence_of_frequent_harm([counts], [predicted]))
    assert total == pytest.approx(1, rel=1e-9)


@given(strata, st.integers(0, 10**6))
def test_any_partition_of_the_counts_gives_the_same_bits(whole, seed):
    generator = random.Random(seed)
    parts = [[generator.randint(0, value) for value in whole[1:]]]
    parts.append([value - taken for value, taken in zip(whole[1:], parts[0], strict=True)])
    merged = Stratum(whole.share, *reduce(lambda a, b: [x + y for x, y in zip(a, b, strict=True)], parts))
    for evidence in (log_evidence_of_harm, log_evidence_of_difference, lambda s: log_ratio_interval(s, 0.05)):
        assert evidence([merged]) == evidence([whole])


@given(strata)
def test_the_interval_holds_the_estimate_and_excludes_what_the_evidence_excludes(counts):
    lower, upper = log_ratio_interval([counts], 0.05)
    assert lower <= upper
    has_both = counts.candidate_events and counts.stable_events
    if has_both:
        odds = counts.candidate_events / counts.stable_events
        assert lower <= math.log(odds * (1 - counts.share) / counts.share) <= upper
    assert (lower > 0 or upper < 0) == (log_evidence_of_difference([counts]) > ENOUGH)


@given(strata, strata)
def test_strata_add_up_and_are_never_pooled(one, other):
    both = log_likelihood([one, other], 0.7)
    assert both == pytest.approx(log_likelihood([one], 0.7) + log_likelihood([other], 0.7), abs=1e-9)


def test_without_units_there_is_no_evidence():
    assert log_evidence_of_harm([]) == pytest.approx(0)
    assert log_evidence_of_difference([Stratum(0.5, 0, 100, 0, 100)]) == pytest.approx(0)
    assert log_ratio_interval([Stratum(0.5, 0, 100, 0, 100)], 0.05) == (-math.inf, math.inf)
    assert log_ratio_interval([Stratum(0.5, 9, 100, 0, 100)], 0.05)[1] == math.inf


def test_tolerated_harm_is_no_harm_and_more_than_that_is():
    slightly = Stratum(0.5, 1_150, 10_000, 1_000, 10_000)
    assert log_evidence_of_harm([slightly]) > ENOUGH
    assert log_evidence_of_harm([slightly], 1.5) < 0
    assert log_evidence_of_safety([slightly], 1.5) > ENOUGH
    assert log_evidence_of_harm([Stratum(0.5, 2_000, 10_000, 1_000, 10_000)], 1.5) > ENOUGH


def test_frequent_outcomes_are_told_apart_sooner_with_the_units_that_had_none():
    counts = Stratum(0.5, 450, 1_000, 400, 1_000)
    assert log_evidence_of_frequent_harm([counts], [0.42]) > log_evidence_of_harm([counts])


def test_a_pooled_ramp_with_a_drifting_base_rate_would_condemn_an_equal_candidate_and_strata_do_not():
    steps = [Stratum(0.01, 5, 1_000, 495, 99_000), Stratum(0.5, 200, 10_000, 200, 10_000)]  # 0.5 %, then 2 %
    pooled = Stratum(10_000 / 120_000, 205, 11_000, 695, 109_000)
    assert log_evidence_of_harm([pooled]) > ENOUGH
    assert log_evidence_of_harm(steps) < 0


def test_log_sum_does_not_overflow():
    assert log_sum([1_000.0, 1_000.0]) == pytest.approx(1_000 + math.log(2))
    assert log_sum([-math.inf, -math.inf]) == -math.inf


def looked_at_after_every_event(seed: int, units: int, share: float, rate: float, harm: float) -> bool:
    generator = random.Random(seed)
    counts = [0, 0, 0, 0]
    for _ in range(units):
        is_candidate = generator.random() < share
        is_event = generator.random() < rate * (harm if is_candidate else 1)
        counts[0 if is_candidate else 2] += is_event
        counts[1 if is_candidate else 3] += 1
        if is_event and log_evidence_of_harm([Stratum(share, *counts)]) >= ENOUGH:
            return True
    return False


def test_equal_arms_looked_at_after_every_request_alarm_at_most_as_often_as_alpha_says():
    runs = 120
    alarms = sum(looked_at_after_every_event(seed, 2_000, 0.2, 0.03, 1.0) for seed in range(runs))
    assert alarms <= runs * 0.05 + 3 * math.sqrt(runs * 0.05 * 0.95)


def test_a_candidate_with_five_times_the_errors_is_found():
    assert sum(looked_at_after_every_event(seed, 4_000, 0.1, 0.01, 5.0) for seed in range(20)) >= 19
