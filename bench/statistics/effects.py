"""Worlds whose answer is not when a test acted but whether its answer was wrong."""

from __future__ import annotations

import numpy as np

from tidegate.stats.adaptive.thompson import beta_draws, thompson
from tidegate.stats.adaptive.track_and_stop import optimal_shares, stopping, tracking_shares
from tidegate.stats.adaptive.weighting import Epoch, arm_value

MEANS = np.array([0.3, 0.3])


def wrong_arm(generator: np.random.Generator, epochs: int = 100, units: int = 200) -> int | None:
    """Units after which Track-and-Stop names another than the best arm."""
    means = np.array([0.5, 0.45, 0.45])
    totals, counts = np.zeros(3), np.zeros(3, int)
    for epoch in range(epochs):
        estimates = ((totals + 1) / (counts + 2)).tolist()
        shares = tracking_shares(counts.tolist(), optimal_shares(estimates), units)
        drawn = generator.multinomial(units, shares / shares.sum())
        counts = counts + drawn
        totals = totals + generator.binomial(drawn, means)
        state = stopping(totals.tolist(), counts.tolist(), 0.05)
        if state.is_found:
            return (epoch + 1) * units if state.best else None
    return None


def uncovered(generator: np.random.Generator) -> int | None:
    """1 when the weighted interval of the first arm misses its mean."""
    epochs, _ = _bandit(generator)
    low, high = arm_value(epochs, prior_mean=0.3).interval()
    return None if low <= MEANS[0] <= high else 1


def uncovered_plain(generator: np.random.Generator) -> int | None:
    """1 when the interval of the plain mean misses it."""
    _, (won, tried) = _bandit(generator)
    mean = won / tried
    return None if abs(mean - MEANS[0]) <= 1.96 * np.sqrt(mean * (1 - mean) / tried) else 1


def _bandit(generator: np.random.Generator, epochs: int = 40, units: int = 200) -> tuple[list[Epoch], tuple[int, int]]:
    won, tried, shares, found = np.zeros(2), np.zeros(2), np.array([0.5, 0.5]), []
    for _ in range(epochs):
        drawn = generator.multinomial(units, shares)
        rewards = generator.binomial(drawn, MEANS)
        found.append(Epoch(units, float(shares[0]), int(drawn[0]), int(rewards[0]), int(rewards[0])))
        won, tried = won + rewards, tried + drawn
        shares = np.clip(thompson(beta_draws(won, tried, generator, 400)), 0.05, 0.95)
    return found, (int(won[0]), int(tried[0]))
