"""Bounds of a rate that hold at every look, by a beta mixture.

With ``s`` events in ``n`` trials the mixture likelihood ratio against a rate ``p``,

    M(p) = B(a + s, b + n - s) / B(a, b) / (p**s * (1 - p)**(n - s)),

is a martingale of mean 1 when every trial has rate ``p`` given the past, so by Ville's inequality it ever reaches
``1/alpha`` with probability at most ``alpha``. The rates it has not ruled out form an interval, because ``log M``
is convex in ``p``. Source: H. Robbins, Ann. Math. Statist. 41(5), 1970, 1397-1409; Howard, Ramdas, McAuliffe,
Sekhon, Ann. Statist. 49(2), 2021, 1055-1080 (mixtures). The weights a = b = 1/2 put mass near 0, where failure
rates live; they are fixed, not fitted, so the ratio is predictable.

Assumption: trials are conditionally at rate ``p``. Not for comparisons with another arm, and not for rates pooled
over steps whose true rate differs, unless the average is meant.
"""

from __future__ import annotations

import math

A = B = 0.5
_STEPS, _CLOSE = 40, 1e-12
_SLACK = 1e-9  # of the evidence, for rounding


def log_evidence(events: float, trials: float, rate: float) -> float:
    """log M(rate): the evidence that the rate is another one; infinite when ``rate`` is impossible.

    Args:
        events: 0 … ``trials``.
        trials: at least 0.
        rate: within [0, 1].
    """
    misses = trials - events
    if (rate <= 0 and events) or (rate >= 1 and misses):
        return math.inf
    likelihood = (events * math.log(rate) if events else 0.0) + (misses * math.log1p(-rate) if misses else 0.0)
    return _log_beta(A + events, B + misses) - _log_beta(A, B) - likelihood


def bounds(events: float, trials: float, alpha: float) -> tuple[float, float]:
    """``(lower, upper)`` of the rate; over all looks the true one is ever outside with probability <= ``alpha``.

    Args:
        events: 0 … ``trials``.
        trials: 0 gives ``(0, 1)``.
        alpha: within (0, 1).
    """
    if not trials:
        return 0.0, 1.0
    enough, misses = -math.log(alpha), trials - events
    lower = _edge(events, misses, enough) if events else 0.0
    upper = 1 - _edge(misses, events, enough) if misses else 1.0
    return lower, upper


def _edge(events: float, misses: float, enough: float) -> float:
    """The rate below events / trials at which the evidence is just enough.

    log M is convex in the log of the rate, so Newton's steps from a rate that is ruled out never pass the edge: what
    comes out is still ruled out, hence never too tight.
    """
    trials = events + misses
    middle = events / trials
    wanted = enough + _SLACK - _log_beta(A + events, B + misses) + _log_beta(A, B)
    reach = enough + math.log1p(trials)
    guess = middle - math.sqrt(2 * reach * middle / trials)
    place = math.log(guess) if guess > 0 else math.log(middle) - (reach + events) / events
    found = 0.0
    for _ in range(_STEPS):
        rate = math.exp(place)
        excess = -events * place - misses * math.log1p(-rate) - wanted
        if excess < -_SLACK:
            break
        found = rate
        step = excess / (misses * rate / (1 - rate) - events)
        place -= step
        if step > -_CLOSE:
            break
    return found


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
