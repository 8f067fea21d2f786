"""What is computed is what the product's own tests do in simulated streams."""

from __future__ import annotations

import itertools
import math
from functools import cache, lru_cache

import numpy as np
import pytest

from tidegate.stats.arm_prediction import Stratum, log_evidence_of_harm, log_evidence_of_safety
from tidegate.stats.asymptotic import critical
from tidegate.stats.planning.sequential_power import by_events, by_z, safety_by_events


@cache
def evidence_of(x: int, e: int, share: float, tolerated: float) -> float:
    return log_evidence_of_harm([Stratum(share, x, x, e - x, e - x)], tolerated)


@pytest.mark.parametrize(("share", "ratio", "tolerated"), [(0.3, 2.0, 1.0), (0.1, 4.0, 1.5)])
def test_power_by_events_is_the_sum_over_all_paths(share, ratio, tolerated):
    chance, alpha, events = share * ratio / (1 - share + share * ratio), 0.2, 12
    total = 0.0
    for path in itertools.product((0, 1), repeat=events):
        counts = itertools.accumulate(path)
        crossed = any(evidence_of(x, e, share, tolerated) >= -math.log(alpha) for e, x in enumerate(counts, 1))
        total += crossed * chance ** sum(path) * (1 - chance) ** (events - sum(path))
    found = by_events(share, ratio, alpha, tolerated_ratio=tolerated, most=events)
    assert found.power[-1] == pytest.approx(total)


def test_power_of_safety_is_the_sum_over_all_paths():
    share, ratio, tolerated, alpha, events = 0.4, 0.6, 2.0, 0.2, 12
    chance, total = share * ratio / (1 - share + share * ratio), 0.0
    known = lru_cache(lambda x, e: log_evidence_of_safety([Stratum(share, x, x, e - x, e - x)], tolerated))
    for path in itertools.product((0, 1), repeat=events):
        crossed = any(known(x, e) >= -math.log(alpha) for e, x in enumerate(itertools.accumulate(path), 1))
        total += crossed * chance ** sum(path) * (1 - chance) ** (events - sum(path))
    found = safety_by_events(share, ratio, alpha, tolerated_ratio=tolerated, most=events)
    assert found.power[-1] == pytest.approx(total)


def test_without_harm_it_alarms_less_than_alpha():
    assert by_events(0.05, 1.0, 0.05, most=3_000).power[-1] <= 0.05
    assert by_events(0.5, 1.5, 0.05, tolerated_ratio=1.5, most=1_000).power[-1] <= 0.05
    assert by_events(0.5, 1.5, 0.05, tolerated_ratio=1.5, most=3_000).power[-1] <= 0.06  # normal, hence about


def test_no_decision_before_the_least_number_of_events():
    assert by_events(0.05, 50.0, 0.05, least=5, most=40).power[:4].sum() == 0


def test_power_by_z_is_that_of_a_simulated_sequence_looked_at_all_the_time():
    generator, runs, most = np.random.default_rng(14), 2_000, 4_000
    effect, horizon = 0.13, 2_000
    sums = np.cumsum(generator.normal(effect / 2, 1.0, (runs, most)), axis=1)
    units = np.arange(1, most + 1)
    limits = np.array([critical(int(n), 0.05, horizon=horizon) for n in units])
    crossed = (sums[:, 99:] / np.sqrt(units[99:])) >= limits[99:]
    simulated = np.sort(np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 100, most + 1))
    found = by_z(lambda n: effect / 2 * math.sqrt(n), lambda n: critical(round(n), 0.05, horizon=horizon), 100, most)
    for power in (0.5, 0.8):
        assert found.needed(power) == pytest.approx(simulated[int(power * runs)], rel=0.1)
    assert found.expected() == pytest.approx(np.minimum(simulated, most).mean(), rel=0.1)


def test_what_never_gets_there_takes_for_ever():
    found = by_events(0.5, 1.0, 0.05, most=100)
    assert found.needed(0.8) == math.inf
    assert found.expected() == pytest.approx(100, rel=0.05)
