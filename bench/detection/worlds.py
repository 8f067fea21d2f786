"""Streams of requests in which the truth is known, and how few of them could tell it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

SIGMA = 0.7  # of the log of latency, unless a world says otherwise
MEDIAN_US = 1_000_000
_NORMAL = NormalDist()


class World(NamedTuple):
    """A candidate beside stable.

    Attributes:
        share: of requests that go to the candidate.
        stable_errors, candidate_errors: probabilities of a failed request.
        slower: factor of the candidate's latency.
        sigma: of the log of latency, of both.
    """

    share: float
    stable_errors: float = 0.0
    candidate_errors: float = 0.0
    slower: float = 1.0
    sigma: float = SIGMA


class Request(NamedTuple):
    """One request; ``latency_us`` is that of its answer, if it is one."""

    is_candidate: bool
    is_error: bool
    latency_us: int


def requests(world: World, seed: int) -> Iterator[Request]:
    """Requests without end."""
    chance = random.Random(seed)
    while True:
        is_candidate = chance.random() < world.share
        rate = world.candidate_errors if is_candidate else world.stable_errors
        latency = chance.lognormvariate(0, world.sigma) * (world.slower if is_candidate else 1)
        yield Request(is_candidate, chance.random() < rate, round(MEDIAN_US * latency))


def exceedances(world: World, q: float, tolerated: float = 1.0) -> tuple[float, float]:
    """Probabilities that stable exceeds its own ``q`` quantile x0, and the candidate ``tolerated`` times x0."""
    threshold = _NORMAL.inv_cdf(q) * world.sigma
    return 1 - q, 1 - _NORMAL.cdf((threshold + math.log(tolerated) - math.log(world.slower)) / world.sigma)


def fewest(stable: float, candidate: float, share: float, alpha: float, tolerated_ratio: float = 1.0) -> float:
    """Requests of the candidate that any valid test of the indicator needs on average: log(1/alpha) over the growth of
    the best wager on the arm, log(1/alpha) / I(A;Y) without a tolerance.

    Args:
        stable, candidate: probabilities of the indicator.
        tolerated_ratio: of the candidate's over stable's probability. The wager that is best against all tolerated
            pairs is against the nearest of them.
    """
    growth = _growth(stable, candidate, share, tolerated_ratio)
    return share * math.log(1 / alpha) / growth


def _growth(stable: float, candidate: float, share: float, tolerated_ratio: float) -> float:
    """Information about the arm in one request, beyond what the tolerance explains, in nats."""

    def pooled(first: float, second: float) -> float:
        return share * first + (1 - share) * second

    def arm_given_event(one: float, other: float) -> float:
        return share * one / pooled(one, other)

    events = pooled(candidate, stable)
    found = arm_given_event(candidate, stable)
    null = share * tolerated_ratio / (share * tolerated_ratio + 1 - share)
    total = events * _divergence(found, null)
    if tolerated_ratio == 1:
        total += (1 - events) * _divergence(share * (1 - candidate) / (1 - events), share)
    return total


def _divergence(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
