"""What a bandit tells of itself: each round, each variant's corrected value, and the price of learning."""

from __future__ import annotations

import numpy as np
import pytest
from bench.statistics.bandits import LEAST, World, looks, opinions

from tidegate.delivery.experiments.bandit.course import course
from tidegate.delivery.release_file import parse_release


def last(world: World, seed: int = 5):
    *_, found = looks(np.random.default_rng(seed), world)
    return found, course(found.spec, found.state, found.counts, LEAST)


def test_rounds_tell_propensities_units_and_rewards():
    look, found = last(World("feedback:liked", opinions(0.5, 0.7), units=6_000))
    assert found is not None
    assert [each.number for each in found.rounds] == list(range(len(look.state.experiment.shares)))
    assert all(sum(each.weights.values()) == 10_000 for each in found.rounds)
    assert sum(sum(each.units.values()) for each in found.rounds) == 6_000
    assert found.rounds[0].predicted == 0.5
    assert found.rounds[-1].predicted == pytest.approx(0.65, abs=0.06)
    assert found.epochs == 5  # the last look comes before the last epoch
    control, arm = found.variants
    assert (control.variant, arm.variant) == ("stable", "arm-1")
    assert arm.units == sum(each.units["arm-1"] for each in found.rounds)
    assert (arm.least, control.least) == (5_000, 500)
    assert arm.best == pytest.approx(1.0, abs=1e-3)


def test_values_are_covered_and_regret_is_less_than_with_equal_shares():
    _, found = last(World("feedback:liked", opinions(0.5, 0.7), units=10_000))
    assert found is not None
    for each, true in zip(found.variants, (0.5, 0.7), strict=True):
        assert each.lower < true < each.upper
        assert each.value == pytest.approx(true, abs=0.05)
    assert found.regret_of_equal_shares == pytest.approx(1_000, rel=0.2)  # half of the units, 20 points each
    assert found.regret < found.regret_of_equal_shares / 2


def test_an_arm_that_had_luck_at_first_is_not_told_too_high():
    """Over many equal bandits the corrected value of the variant that got most is right on average; the plain mean is not."""
    gaps = []
    for seed in range(40):
        _, found = last(World("feedback:liked", opinions(0.5, 0.5), units=3_000, epoch=500), seed)
        gaps.append([each.value - 0.5 for each in found.variants])
    means, errors = np.mean(gaps, axis=0), np.std(gaps, axis=0) / np.sqrt(len(gaps))
    assert np.all(np.abs(means) < 3 * errors)


def test_a_bandit_without_rewards_says_so_and_an_ab_test_has_none():
    look, found = last(World("feedback:other", opinions(0.5, 0.5), units=1_000))
    assert found is not None
    assert {(each.value, each.lower, each.rewards) for each in found.variants} == {(None, None, 0)}
    assert (found.regret, found.regret_of_equal_shares) == (None, None)
    plain = parse_release({"service": "bot", "variants": {"control": "@stable", "a": "v1.1.0"}, "strategy": "ab_test"})
    assert course(plain, look.state, look.counts, LEAST) is None
