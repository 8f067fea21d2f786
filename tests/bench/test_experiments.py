"""A/B tests looked at all the time: equal arms hardly ever win, the better one does, whatever it is judged by."""

from __future__ import annotations

import numpy as np
import pytest
from bench.statistics.experiments import World, distribution, failures, log_normal, opinions, winner_found

from tidegate.stats.distribution import Distribution

THIRDS = (1 / 3, 1 / 3)
ALPHA = 0.05


def promotions(world: World, runs: int) -> float:
    found = [winner_found(np.random.default_rng([41, run]), world) for run in range(runs)]
    return sum(at is not None for at in found) / runs


@pytest.mark.parametrize(
    "world",
    [
        World(("feedback:liked",), THIRDS, opinions(0.6, 0.6, 0.6)),
        World(("feedback:liked",), (0.2, 0.05), opinions(0.98, 0.98, 0.98)),  # variances of few events are no ground
        World(("error_rate",), THIRDS, failures(0.03, 0.03, 0.03)),
        World(("cost_per_request",), THIRDS, log_normal("cost", 1.0, 1, 1, 1)),
        World(("latency.p95",), THIRDS, log_normal("latency", 0.6, 1, 1, 1)),
        World(("latency.p50",), THIRDS, log_normal("latency", 0.6, 1, 1, 1)),
    ],
    ids=["said", "nearly always said", "errors", "means", "p95", "p50"],
)
def test_equal_arms_win_at_most_as_often_as_alpha_says(world):
    assert promotions(world._replace(units=8_000, batch=250), 80) <= ALPHA


@pytest.mark.parametrize(
    "world",
    [
        World(("feedback:liked",), THIRDS, opinions(0.6, 0.6, 0.72)),
        World(("error_rate",), THIRDS, failures(0.1, 0.1, 0.03)),
        World(("cost_per_request",), THIRDS, log_normal("cost", 0.6, 1, 1, 0.8)),
        World(("latency.p95",), THIRDS, log_normal("latency", 0.6, 1, 1, 0.8)),
    ],
    ids=["said", "errors", "means", "p95"],
)
def test_the_better_arm_wins(world):
    assert promotions(world, 10) == 1.0


def test_arrays_are_added_up_as_the_product_does():
    values = [0, 1, 2, 1_000, 1_048_576, 1_048_577]
    assert distribution(np.array(values, float)) == sum((Distribution.of(value) for value in values), Distribution())
