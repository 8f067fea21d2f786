from __future__ import annotations

import math

import numpy as np
import pytest

from tidegate.stats.adaptive.thompson import beta_draws, thompson
from tidegate.stats.adaptive.weighting import ArmValue, Epoch, arm_value, difference


def test_sums_of_epochs_give_what_scoring_each_unit_gives():
    generator = np.random.default_rng(3)
    epochs, scores, weights, seen = [], [], [], [0.4]
    for propensity in (0.5, 0.2, 0.7):
        played = generator.random(40) < propensity
        rewards = generator.random(40)
        m = float(np.mean(seen))
        scores.append(m + played * (rewards - m) / propensity)
        weights.append(np.full(40, math.sqrt(propensity)))
        mine = rewards[played]
        seen.extend(mine)
        epochs.append(Epoch(40, propensity, len(mine), float(mine.sum()), float((mine**2).sum())))
    g, h = np.concatenate(scores), np.concatenate(weights)
    expected = (h * g).sum() / h.sum()
    error = math.sqrt((h**2 * (g - expected) ** 2).sum()) / h.sum()
    found = arm_value(epochs, prior_mean=0.4)
    assert found.estimate == pytest.approx(expected)
    assert found.standard_error == pytest.approx(error)


def test_without_units_nothing_is_known():
    empty = arm_value([])
    assert math.isnan(empty.estimate)
    assert empty.standard_error == math.inf
    with pytest.raises(ValueError, match="propensity"):
        arm_value([Epoch(10, 0.0, 0, 0, 0)])
    assert difference(ArmValue(3.0, 0.3), ArmValue(1.0, 0.4)) == ArmValue(2.0, 0.5)


def adaptive_run(generator, means, epochs=25, units=40):
    """Epochs of a Thompson bandit with a floor of 5 %; returns each arm's epochs and plain mean."""
    won, tried = np.zeros(2), np.zeros(2)
    shares, records = np.array([0.5, 0.5]), [[], []]
    for _ in range(epochs):
        drawn = generator.multinomial(units, shares)
        rewards = generator.binomial(drawn, means)
        for a in range(2):
            records[a].append(Epoch(units, float(shares[a]), int(drawn[a]), int(rewards[a]), int(rewards[a])))
        won, tried = won + rewards, tried + drawn
        shares = np.clip(thompson(beta_draws(won, tried, generator, 400)), 0.05, 0.95)
    return records, won / tried


def test_adaptive_choice_biases_the_plain_mean_and_not_the_weighted_one():
    generator, means = np.random.default_rng(7), np.array([0.3, 0.3])
    plain, weighted, covered = [], [], 0
    for _ in range(400):
        records, raw = adaptive_run(generator, means)
        value = arm_value(records[0], prior_mean=0.3)
        plain.append(raw[0] - 0.3)
        weighted.append(value.estimate - 0.3)
        low, high = value.interval()
        covered += low <= 0.3 <= high
    assert np.mean(plain) < -4 * np.std(plain) / math.sqrt(len(plain))
    assert abs(np.mean(weighted)) < 0.6 * abs(np.mean(plain))  # unbiased in the limit only
    assert covered / 400 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)
