"""Does the candidate have more of an event than stable? Predict the arm from the outcome (an e-process).

A unit goes to the candidate with a known probability, the *share* r. If outcomes do not depend on the arm, then
given an event the arm is still a coin of bias r, whatever the rate of events does over time; so for any q that is
fixed beforehand the product of ``q(arm | outcome) / P(arm)`` is a martingale of mean 1, and by Ville's inequality
it ever reaches ``1/alpha`` with probability at most ``alpha``. With ``x`` of ``e`` events in the candidate's arm,

    LL(d) = x d - e log(1 - r + r exp(d)),      E = sum_j w_j exp(LL(d0 + d_j) - LL(d0)),

where ``d`` is the log of the ratio of rates, ``exp(d0)`` the tolerated ratio, and the 60 points d_j in (0, 3] have
weights proportional to exp(-d**2 / 2 tau**2), tau = 1/2. Strata (steps of a ramp) add up in LL, each with its own
share; their rates are never pooled. Sources: Ville 1939; Grünwald, de Heide, Koolen, J. R. Stat. Soc. B 86, 2024
(e-variables for two streams); mixtures: Robbins, Ann. Math. Statist. 41(5), 1970.

Assumptions: each unit is counted once and was assigned by a coin of the stated share. Not for units that return
(count the first request of each), nor when assignment depends on the outcome. Counts are additive integers, so
any split over gateways gives the same bits.

Events alone are used, which is all there is to know while they are rare (rates up to about 5 %); for frequent ones
see :func:`log_evidence_of_frequent_harm`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tidegate.stats.mixture import GRID, LOG_WEIGHTS, expit, log_sum, logit

_FARTHEST = 40.0  # log ratio beyond which nothing is told apart
_HALVINGS = 40


class Stratum(NamedTuple):
    """What was counted in one step with one share.

    Attributes:
        share: probability with which a unit goes to the candidate, within (0, 1).
        candidate_events, candidate_trials: units of the candidate's arm, and those with the event.
        stable_events, stable_trials: the same of stable.
    """

    share: float
    candidate_events: int
    candidate_trials: int
    stable_events: int
    stable_trials: int

    @property
    def events(self) -> int:
        """Events of both arms."""
        return self.candidate_events + self.stable_events


def log_likelihood(strata: Iterable[Stratum], log_ratio: float) -> float:
    """LL(d): log of how well "the candidate's rate is exp(d) times stable's" predicts the arms of the events."""
    growth = math.exp(log_ratio)
    return sum(s.candidate_events * log_ratio - s.events * math.log1p(s.share * (growth - 1)) for s in strata)


def log_evidence_of_harm(strata: Sequence[Stratum], tolerated_ratio: float = 1.0) -> float:
    """log E against "the candidate's rate is at most ``tolerated_ratio`` times stable's"; act at log(1/alpha).

    Args:
        strata: may be empty, which is no evidence (0).
        tolerated_ratio: above 0.
    """
    start = math.log(tolerated_ratio)
    return _mixture(strata, start, [start + d for d in GRID], LOG_WEIGHTS)


def log_evidence_of_safety(strata: Sequence[Stratum], tolerated_ratio: float) -> float:
    """log E against "the candidate's rate is at least ``tolerated_ratio`` times stable's": enough of it is a pass."""
    start = math.log(tolerated_ratio)
    return _mixture(strata, start, [start - d for d in GRID], LOG_WEIGHTS)


def log_evidence_of_difference(strata: Sequence[Stratum]) -> float:
    """log E against "both arms have the same rate", whichever has more."""
    points = [*(-d for d in GRID), *GRID]
    halved = [weight - math.log(2) for weight in LOG_WEIGHTS]
    return _mixture(strata, 0.0, points, [*halved, *halved])


def log_ratio_interval(strata: Sequence[Stratum], alpha: float) -> tuple[float, float]:
    """Anytime-valid interval of the log of the ratio of rates, at level ``alpha``: {d : LL(d) > log E - log(1/alpha)}.

    LL is concave, so the set is an interval. An arm without any event leaves one side infinite.
    """
    if not any(s.events for s in strata):
        return -math.inf, math.inf
    least = log_evidence_of_difference(strata) + math.log(alpha)  # LL(0) is 0
    top = _highest(strata)
    lower = _edge(strata, -_FARTHEST, top, least) if any(s.candidate_events for s in strata) else -math.inf
    upper = _edge(strata, _FARTHEST, top, least) if any(s.stable_events for s in strata) else math.inf
    return lower, upper


def log_evidence_of_frequent_harm(strata: Sequence[Stratum], predicted_rates: Sequence[float]) -> float:
    """log E against "the candidate has the event no more often", using the units without it as well.

    With the predicted pooled rate p: p_C = expit(logit p + d (1 - r)), p_S = expit(logit p - d r) and their mean
    m = r p_C + (1 - r) p_S, each unit adds log(p_arm / m) or log((1 - p_arm) / (1 - m)), mixed over d > 0.

    Args:
        strata: as elsewhere.
        predicted_rates: of each stratum, within (0, 1), fixed before its first unit (the rate of the step before);
            a wrong one costs power, never validity.
    """
    terms = list(LOG_WEIGHTS)
    for stratum, rate in zip(strata, predicted_rates, strict=True):
        x, y = stratum.candidate_events, stratum.stable_events
        without_x, without_y = stratum.candidate_trials - x, stratum.stable_trials - y
        terms = [
            term + x * a + without_x * b + y * c + without_y * d
            for term, (a, b, c, d) in zip(terms, _predictions(stratum.share, rate), strict=True)
        ]
    return log_sum(terms)


def _mixture(strata: Sequence[Stratum], start: float, points: Sequence[float], log_weights: Sequence[float]) -> float:
    """log of the weighted mean of exp(LL(point) - LL(start)); each stratum's part of LL is linear in its counts."""
    terms = list(log_weights)
    for stratum in strata:
        x, e = stratum.candidate_events, stratum.events
        base, costs = _costs(stratum.share, start, tuple(points))
        terms = [
            term + x * (point - start) - e * (cost - base)
            for term, point, cost in zip(terms, points, costs, strict=True)
        ]
    return log_sum(terms)


@lru_cache(maxsize=256)
def _costs(share: float, start: float, points: tuple[float, ...]) -> tuple[float, tuple[float, ...]]:
    """log(1 - r + r exp(d)) at ``start`` and at each point."""
    return _cost(share, start), tuple(_cost(share, point) for point in points)


def _cost(share: float, log_ratio: float) -> float:
    return math.log1p(share * (math.exp(log_ratio) - 1))


@lru_cache(maxsize=4096)
def _predictions(share: float, rate: float) -> tuple[tuple[float, float, float, float], ...]:
    """What a unit adds at each point of the grid: of the candidate with the event and without, of stable likewise."""
    odds, found = logit(rate), []
    for d in GRID:
        candidate, stable = expit(odds + d * (1 - share)), expit(odds - d * share)
        mean = share * candidate + (1 - share) * stable
        arms = [(math.log(p / mean), math.log((1 - p) / (1 - mean))) for p in (candidate, stable)]
        found.append((*arms[0], *arms[1]))
    return tuple(found)


def _slope(strata: Iterable[Stratum], d: float) -> float:
    growth = math.exp(d)
    return sum(s.candidate_events - s.events * s.share * growth / (1 - s.share + s.share * growth) for s in strata)


def _highest(strata: Sequence[Stratum]) -> float:
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(strata, middle) > 0 else (low, middle)
    return (low + high) / 2


def _edge(strata: Sequence[Stratum], outside: float, inside: float, least: float) -> float:
    """The last point still ruled out, hence never too tight."""
    if log_likelihood(strata, outside) > least:
        return math.copysign(math.inf, outside)
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        outside, inside = (outside, middle) if log_likelihood(strata, middle) > least else (middle, inside)
    return outside
