"""Streams of units as they would arrive: who got the candidate, and what happened. One seed, one stream."""

from __future__ import annotations

import math

import numpy as np
from bench.statistics.looks import Flags, Floats, Stratum
from numpy.typing import NDArray

from tidegate.stats.adaptive.best_arm import best_of_rates

UNITS = 100_000
Generator = np.random.Generator


def steps(generator: Generator, *parts: tuple[float, int, float, float]) -> list[Stratum]:
    """(share, units, rate of stable, rate of candidate) of each step."""
    found = []
    for share, units, stable, candidate in parts:
        arm = generator.random(units) < share
        found.append(Stratum(share, arm, generator.random(units) < np.where(arm, candidate, stable)))
    return found


def drifting_ramp(generator: Generator, ratio: float = 1.0) -> list[Stratum]:
    """1 / 5 / 10 / 25 / 50 %, 20,000 units each, while the base rate drifts from 0.5 to 2 %."""
    found, done = [], 0
    for share in (0.01, 0.05, 0.10, 0.25, 0.50):
        rate = 0.005 + 0.015 * np.arange(done, done + UNITS // 5) / UNITS
        arm = generator.random(len(rate)) < share
        found.append(Stratum(share, arm, generator.random(len(rate)) < np.where(arm, rate * ratio, rate)))
        done += len(rate)
    return found


def log_normal(generator: Generator, units: int, share: float, sigma: float, factor: float) -> tuple[Flags, Floats]:
    """Latencies in microseconds, median one second; the candidate's are ``factor`` times as long."""
    arm = generator.random(units) < share
    return arm, np.exp(generator.normal(math.log(1e6), sigma, units)) * np.where(arm, factor, 1.0)


def pareto(generator: Generator, units: int, share: float, index: float, factor: float = 1.0) -> tuple[Flags, Floats]:
    """Costs with a Pareto tail: no third moment below index 3."""
    arm = generator.random(units) < share
    return arm, (1 + generator.pareto(index, units)) * np.where(arm, factor, 1.0)


def sticky_users(
    generator: Generator, users: int, share: float, rate: float, correlation: float, units: int = UNITS
) -> tuple[NDArray[np.int64], Flags, Flags]:
    """Who asked, whose arm it was, and the event: users keep their arm, and their requests are alike (beta-binomial
    with this correlation between two requests of one user)."""
    spread = 1 / correlation - 1
    levels = generator.beta(rate * spread, (1 - rate) * spread, users)
    arms = generator.random(users) < share
    asked = generator.integers(0, users, units)
    return asked, arms[asked], generator.random(units) < levels[asked]


def firsts(asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions at which each user is seen for the first time, in order."""
    return np.sort(np.unique(asked, return_index=True)[1])


def bandit(
    generator: Generator, rates: tuple[float, float], *, epochs: int = 200, units: int = 500, floor: float = 0.05
) -> list[Stratum]:
    """Two arms under Thompson sampling that re-weights after each epoch of ``units``; the event is a success."""
    found, won, tried, share = [], np.zeros(2), np.zeros(2), 0.5
    for _ in range(epochs):
        arm = generator.random(units) < share
        event = generator.random(units) < np.where(arm, rates[1], rates[0])
        found.append(Stratum(share, arm, event))
        for side, chosen in enumerate((~arm, arm)):
            won[side] += (chosen & event).sum()
            tried[side] += chosen.sum()
        share = float(np.clip(best_of_rates(won, tried)[1], floor, 1 - floor))
    return found
