"""Bandits looked at all the time, by the product's own weights: equal ones are hardly ever told apart, effects are covered
though weights follow them, and the better one gets the units and wins."""

from __future__ import annotations

import numpy as np
import pytest
from bench.statistics.bandits import World, decided, looks, opinions, scores, uncovered, without_time, won_by
from bench.statistics.experiments import failures

RUNS = 40
ALPHA = 0.05


def part(once, world: World, *more: object) -> float:
    found = [once(np.random.default_rng([43, run]), world, *more) for run in range(RUNS)]
    return sum(at is not None for at in found) / RUNS


@pytest.mark.parametrize(
    ("world", "gap"),
    [
        (World("feedback:liked", opinions(0.7, 0.7)), 0.0),
        (World("feedback:liked", opinions(0.6, 0.6, drift=-0.3), algorithm="top_two"), 0.0),
        (World("feedback:liked", opinions(0.8, 0.8, answering=(0.3, 0.6)), late=2), 0.0),
        (World("judge:helpful", scores(0.7, 0.7), algorithm="track_and_stop"), 0.0),
        (World("error_rate", without_time(failures(0.03, 0.03))), 0.0),
        (World("feedback:liked", opinions(0.7, 0.8)), 0.1),
    ],
    ids=["liked", "drifting", "rated unequally and late", "scores", "errors", "a better one"],
)
def test_equal_ones_are_not_told_apart_and_effects_are_covered(world, gap):
    short = world._replace(units=6_000)
    assert part(uncovered, short, (gap,)) <= ALPHA
    if not gap:
        assert part(decided, short) <= ALPHA


@pytest.mark.parametrize("algorithm", ["thompson", "top_two", "track_and_stop"])
def test_the_better_one_gets_the_units_and_wins(algorithm):
    world = World("feedback:liked", opinions(0.6, 0.6, 0.75), arms=2, algorithm=algorithm, batch=250)
    found = [won_by(np.random.default_rng([44, run]), world, "arm-2") for run in range(4)]
    assert None not in found
    *_, last = looks(np.random.default_rng(1), world._replace(units=4_000))
    units = {
        name: sum(each.compared.units for each in last.counts if each.variant == name)
        for name in ("stable", "arm-1", "arm-2")
    }
    assert max(units, key=units.__getitem__) == "arm-2"
    if algorithm != "track_and_stop":  # which wants the others measured as well
        assert last.state.experiment.shares[-1]["arm-2"] > 4_500


def test_weights_take_the_same_course_from_the_same_rewards():
    world = World("feedback:liked", opinions(0.5, 0.6), units=5_000)
    first, second = ([look.state.experiment for look in looks(np.random.default_rng(3), world)] for _ in range(2))
    assert first == second
