"""Whether what a model does today is distributed as it was on its first day.

The population stability index of two samples over ``B`` bins, with shares ``p`` (reference) and ``q`` (now):

    PSI = sum over bins of (q_i - p_i) * ln(q_i / p_i)

It is the symmetric Kullback-Leibler divergence (Jeffreys 1946, Proc. R. Soc. A 186) of the binned distributions. Rules
of thumb call 0.1 to 0.25 a change to look at and more a great one (Siddiqi, Credit Risk Scorecards, 2006). They forget
the sample size: without any change PSI is about (1/n + 1/m) times a chi-square of B - 1 degrees of freedom (Yurdakul,
Statistical Properties of Population Stability Index, 2018), so with few values a great one means nothing. Both are
given here, and a change is called one only beyond both.

This looks once at closed periods, of a day for example; it is no test for continuous looking, and it says nothing of
what an answer means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tidegate.errors import InvalidInputError

BINS = 10
SLIGHT, GREAT = 0.1, 0.25
_NORMAL_QUANTILE = 3.0902  # of 0.999: how sure a change must be
_SMOOTHING = 0.5  # added to each bin's count, so that an empty one is not infinitely far

Degree = Literal["none", "slight", "great", "unknown"]


class Drift(NamedTuple):
    """How far two samples are from each other.

    Attributes:
        stability: the population stability index, at least 0.
        noise: what it stays below in 99.9 % of samples of these sizes when nothing changed.
        degree: ``unknown`` with fewer than ``least`` values on either side.
        reference_count, current_count: values on each side.
    """

    stability: float
    noise: float
    degree: Degree
    reference_count: int
    current_count: int


def population_stability(
    reference: Mapping[int, int], current: Mapping[int, int], *, bins: int = BINS, least: int = 200
) -> Drift:
    """Compare two histograms whose ordered buckets have the same meaning.

    Args:
        reference: bucket -> count of the first period; its quantiles choose the bins.
        current: the same of the period that is looked at.
        bins: at most so many of equal share in ``reference``; fewer when its buckets are too coarse for that.
        least: values that each side needs.

    Raises:
        InvalidInputError: fewer than two bins are asked for, or a count is negative.
    """
    if bins < 2 or min([0, *reference.values(), *current.values()]) < 0:
        raise InvalidInputError("population stability needs at least two bins and counts that are not negative")
    n, m = sum(reference.values()), sum(current.values())
    edges = _edges(reference, n, bins)
    before, now = _binned(reference, edges), _binned(current, edges)
    index = _index(before, now) if n and m else 0.0
    noise = _noise(len(before) - 1, n, m)
    return Drift(index, noise, _degree(index, noise, n, m, least), n, m)


def _edges(reference: Mapping[int, int], total: int, bins: int) -> tuple[int, ...]:
    """The last bucket of each bin but the last, ascending."""
    edges: list[int] = []
    seen = 0
    for bucket in sorted(reference):
        seen += reference[bucket]
        if seen * bins >= total * (len(edges) + 1) and seen < total:
            edges.append(bucket)
    return tuple(edges[: bins - 1])


def _binned(histogram: Mapping[int, int], edges: Sequence[int]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for bucket, count in histogram.items():
        counts[sum(bucket > edge for edge in edges)] += count
    return counts


def _index(before: Sequence[int], now: Sequence[int]) -> float:
    n = sum(before) + _SMOOTHING * len(before)
    m = sum(now) + _SMOOTHING * len(now)
    shares = (((b + _SMOOTHING) / n, (c + _SMOOTHING) / m) for b, c in zip(before, now, strict=True))
    return sum((q - p) * math.log(q / p) for p, q in shares)


def _noise(freedom: int, n: int, m: int) -> float:
    """99.9 % point of (1/n + 1/m) chi-square, by Wilson and Hilferty (1931), PNAS 17(12)."""
    if not n or not m or freedom < 1:
        return math.inf
    spread = 2 / (9 * freedom)
    chi_square: float = freedom * (1 - spread + _NORMAL_QUANTILE * math.sqrt(spread)) ** 3
    return (1 / n + 1 / m) * chi_square


def _degree(index: float, noise: float, n: int, m: int, least: int) -> Degree:
    if min(n, m) < least:
        return "unknown"
    if index <= max(noise, SLIGHT):
        return "none"
    return "slight" if index <= GREAT else "great"
