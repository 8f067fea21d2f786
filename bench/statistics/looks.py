"""The product's tests, looked at after every unit of a stream at once.

Each function answers after how many units a test first acts, ``None`` if it never does; the same arithmetic as
``tidegate.stats``, in arrays over all looks. ``tests/bench/test_looks.py`` holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, log_ndtr, logsumexp

from tidegate.stats import sample_ratio
from tidegate.stats.asymptotic import MINIMUM_VALUES, critical
from tidegate.stats.bernoulli import A, B
from tidegate.stats.betting import _PARTS
from tidegate.stats.distribution import SCALE
from tidegate.stats.mixture import GRID, LOG_WEIGHTS
from tidegate.stats.paired import RHO

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ALPHA = 0.05
_GRID, _WEIGHTS = np.array(GRID), np.array(LOG_WEIGHTS)


class Stratum(NamedTuple):
    """One step of one stream, unit by unit: the candidate's share, who got the candidate, who had the event."""

    share: float
    arm: Flags
    event: Flags


def first(found: Flags, at: NDArray[np.int64] | None = None) -> int | None:
    """Units until the first look that acts."""
    where = np.flatnonzero(found)
    if not len(where):
        return None
    return int(where[0] + 1 if at is None else at[where[0]])


def rare(strata: Sequence[Stratum], alpha: float = ALPHA, tolerated: float = 1.0, least: int = 1) -> int | None:
    """Predict the arm from the event; evidence changes at events only."""
    start, before, base = math.log(tolerated), 0, np.zeros(len(_GRID))
    points, seen = start + _GRID, 0
    for share, arm, event in strata:
        at = np.flatnonzero(event)
        counts, events = np.cumsum(arm[at]), np.arange(1, len(at) + 1)
        cost = np.log1p(share * np.expm1(points)) - math.log1p(share * math.expm1(start))
        lines = base + np.multiply.outer(counts, points - start) - np.multiply.outer(events, cost)
        is_enough = (logsumexp(lines + _WEIGHTS, axis=1) >= -math.log(alpha)) & (events + seen >= least)
        if (found := first(is_enough, at + 1)) is not None:
            return before + found
        base = lines[-1] if len(at) else base
        before, seen = before + len(arm), seen + len(at)
    return None


def frequent(strata: Sequence[Stratum], predicted: Sequence[float], alpha: float = ALPHA) -> int | None:
    """Predict the arm from the event and from its absence."""
    before, base = 0, np.zeros(len(_GRID))
    for (share, arm, event), rate in zip(strata, predicted, strict=True):
        odds = math.log(rate / (1 - rate))
        own, other = 1 / (1 + np.exp(-odds - _GRID * (1 - share))), 1 / (1 + np.exp(-odds + _GRID * share))
        mean = share * own + (1 - share) * other
        factors = np.log([own / mean, (1 - own) / (1 - mean), other / mean, (1 - other) / (1 - mean)])
        kinds = [arm & event, arm & ~event, ~arm & event, ~arm & ~event]
        counts = np.cumsum(kinds, axis=1).T.astype(float)
        lines = counts @ factors + (base + _WEIGHTS)
        top = lines.max(axis=1)
        log_e = top + np.log(np.exp(lines - top[:, None]).sum(axis=1))
        if (found := first(log_e >= -math.log(alpha))) is not None:
            return before + found
        base, before = base + counts[-1] @ factors, before + len(arm)
    return None


def naive_z(strata: Sequence[Stratum], least: int = 200) -> int | None:
    """What all this replaces: a two-sided pooled z-test at each look."""
    arm, event = (np.concatenate([getattr(s, name) for s in strata]) for name in ("arm", "event"))
    n, m = np.cumsum(arm), np.cumsum(~arm)
    x, y = np.cumsum(arm & event), np.cumsum(~arm & event)
    pooled = (x + y) / (n + m)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (x / n - y / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return first((np.abs(z) > 1.959963984540054) & (np.arange(1, len(arm) + 1) >= least))


def pooled(strata: Sequence[Stratum]) -> int | None:
    """The ramp's steps thrown together, with the mean share: what stratifying prevents."""
    arm, event = (np.concatenate([getattr(s, name) for s in strata]) for name in ("arm", "event"))
    share = np.cumsum(np.repeat([s.share for s in strata], [len(s.arm) for s in strata])) / np.arange(1, len(arm) + 1)
    at = np.flatnonzero(event)
    counts, events = np.cumsum(arm[at]), np.arange(1, len(at) + 1)
    cost = np.log1p(share[at][:, None] * np.expm1(_GRID))
    lines = np.multiply.outer(counts, _GRID) - events[:, None] * cost
    return first(logsumexp(lines + _WEIGHTS, axis=1) >= -math.log(ALPHA), at + 1)


def difference_of_bounds(stratum: Stratum, margin: float = 0.0, alpha: float = ALPHA) -> int | None:
    """Lower bound of the candidate's rate minus upper bound of stable's, each at alpha / 2."""
    arm, event = stratum.arm, stratum.event
    enough = math.log(2 / alpha)
    low = _rate_edge(np.cumsum(arm & event), np.cumsum(arm), enough, is_upper=False)
    high = _rate_edge(np.cumsum(~arm & event), np.cumsum(~arm), enough, is_upper=True)
    return first(low - high > margin)


def limit(event: Flags, rate: float, alpha: float = ALPHA, least: int = 5) -> int | None:
    """A hard limit: the lower bound of one arm's rate above it."""
    x, n = np.cumsum(event), np.arange(1, len(event) + 1)
    evidence = betaln(A + x, B + n - x) - betaln(A, B) - x * math.log(rate) - (n - x) * math.log1p(-rate)
    return first((evidence >= -math.log(alpha)) & (x > n * rate) & (x >= least))


def mismatch(arm: Flags, share: float) -> int | None:
    """Sample ratio, sequentially."""
    n, m, c = np.cumsum(arm), np.cumsum(~arm), 100.0
    log_e = gammaln(c) - gammaln(c + n + m)
    for counts, part in ((n, share), (m, 1 - share)):
        log_e = log_e + gammaln(c * part + counts) - gammaln(c * part) - counts * math.log(part)
    return first(log_e >= -math.log(sample_ratio.ALARM))


def means(arm: Flags, values: Floats, alpha: float = ALPHA, horizon: int = 4_000) -> int | None:
    """AsympCS of the log of the ratio of means, from 100 values in each arm."""
    moments = []
    for chosen in (arm, ~arm):
        n = np.cumsum(chosen)
        total, squares = np.cumsum(values * chosen), np.cumsum(values**2 * chosen)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / n
            moments.append((n, mean, (squares / n - mean**2) * n / (n - 1) / n / mean**2))
    (n, own, spread), (m, other, spread_other) = moments
    looks = np.arange(1, len(arm) + 1)
    limits = _criticals(len(arm), alpha, horizon)
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = np.log(own / other) - np.sqrt(spread + spread_other) * limits
    return first((lower > 0) & (np.minimum(n, m) >= MINIMUM_VALUES) & (looks > 0))


def quantile(arm: Flags, values: Floats, share: float, q: float, earlier: int = 0, margin: float = 0.0) -> int | None:
    """Exceedances of stable's frozen quantile: from ``earlier`` values of stable in the step before, else from the
    first 100 of this step, which are then set aside."""
    buckets = np.maximum(np.ceil(np.log2(np.maximum(values, 1.0)) * SCALE) - 1, -1)
    from_here = 0
    if earlier:
        before, arm, buckets = buckets[:earlier], arm[earlier:], buckets[earlier:]
    else:
        from_here = int(np.flatnonzero(np.cumsum(~arm) >= 100)[0]) + 1
        before = buckets[:from_here][~arm[:from_here]]
    frozen = np.sort(before)[max(1, math.ceil(q * len(before))) - 1]
    wanted = np.where(arm, np.exp2((frozen + 1) / SCALE) * (1 + margin), np.exp2((frozen + 1) / SCALE))
    event = np.exp2(buckets / SCALE) >= wanted
    found = rare([Stratum(share, arm[from_here:], event[from_here:])], least=5)
    return None if found is None else found + from_here


def pairs(differences: Floats, scale: float, alpha: float = ALPHA) -> int | None:
    """Paired differences, one-sided."""
    total, spread, rho = np.cumsum(differences), np.cumsum(differences**2), RHO * scale**2
    log_e = math.log(2) + 0.5 * np.log(rho / (spread + rho)) + total**2 / (2 * (spread + rho))
    return first(log_e + log_ndtr(total / np.sqrt(spread + rho)) >= -math.log(alpha))


def wins(outcomes: NDArray[np.int64], alpha: float = ALPHA) -> int | None:
    """The sign test, ties (0) dropped; looks change at decided pairs only."""
    at = np.flatnonzero(outcomes)
    won, lost = np.cumsum(outcomes[at] > 0), np.cumsum(outcomes[at] < 0)
    win, loss = -np.log1p(np.exp(-_GRID)) + math.log(2), -np.log1p(np.exp(_GRID)) + math.log(2)
    lines = np.multiply.outer(won, win) + np.multiply.outer(lost, loss)
    return first(logsumexp(lines + _WEIGHTS, axis=1) >= -math.log(alpha), at + 1)


def scores(values: Floats, mean: float, alpha: float = ALPHA) -> int | None:
    """Betting on bounded scores: evidence that the mean is above ``mean``."""
    steps = [np.cumsum(np.log1p(part * (values / mean - 1))) for part in _PARTS]
    return first(logsumexp(steps, axis=0) - math.log(len(_PARTS)) >= -math.log(alpha))


_CRITICALS: dict[tuple[float, int], Floats] = {}


def _criticals(count: int, alpha: float, horizon: int) -> Floats:
    known = _CRITICALS.get((alpha, horizon))
    if known is None or len(known) < count:
        known = np.array([critical(n, alpha, horizon=horizon) for n in range(1, count + 1)])
        _CRITICALS[alpha, horizon] = known
    return known[:count]


def _rate_edge(x: NDArray[np.int64], n: NDArray[np.int64], enough: float, *, is_upper: bool) -> Floats:
    """The beta-mixture bound of a rate at every look, by halving all of them together."""
    counts = np.maximum(n, 1)
    known = betaln(A + x, B + n - x) - betaln(A, B)
    inside, outside = x / counts, np.full(len(x), 1.0 if is_upper else 0.0)
    for _ in range(28):
        middle = np.clip((inside + outside) / 2, 1e-12, 1 - 1e-12)
        is_out = known - x * np.log(middle) - (n - x) * np.log1p(-middle) >= enough
        outside, inside = np.where(is_out, middle, outside), np.where(is_out, inside, middle)
    open_edge = x >= n if is_upper else x == 0
    return np.where(open_edge, 1.0 if is_upper else 0.0, outside)
