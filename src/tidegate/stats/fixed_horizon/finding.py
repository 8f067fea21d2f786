"""What a test at a fixed horizon says."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from scipy.special import ndtr, ndtri, stdtr, stdtrit

Alternative = Literal["two-sided", "larger", "smaller"]
"""Which candidate is looked for: a different one, one with more, one with less."""


class Finding(NamedTuple):
    """An effect (candidate against stable) with its test.

    Attributes:
        estimate: of the effect, in the unit that the test states.
        lower, upper: two-sided interval at 1 - alpha.
        statistic: z, t or U, as the test states.
        p_value: under no effect.
    """

    estimate: float
    lower: float
    upper: float
    statistic: float
    p_value: float


UNKNOWN = Finding(math.nan, -math.inf, math.inf, math.nan, 1.0)
"""Too few units for a test: nothing is ruled out."""


def from_error(
    estimate: float, error: float, alpha: float, alternative: Alternative, degrees: float = math.inf
) -> Finding:
    """The test of an estimate with a standard error, normal or Student's t with ``degrees`` of freedom.

    With no spread at all the effect is known: p is 0, or 1 for an effect of 0.
    """
    if not error:
        return Finding(estimate, estimate, estimate, math.copysign(math.inf, estimate), 1.0 if not estimate else 0.0)
    statistic = estimate / error
    width = error * quantile(1 - alpha / 2, degrees)
    return Finding(estimate, estimate - width, estimate + width, statistic, tail(statistic, alternative, degrees))


def tail(statistic: float, alternative: Alternative, degrees: float = math.inf) -> float:
    """p of a z (or t) statistic."""
    if alternative == "two-sided":
        return 2 * _below(-abs(statistic), degrees)
    return _below(-statistic if alternative == "larger" else statistic, degrees)


def quantile(q: float, degrees: float = math.inf) -> float:
    """Quantile of the normal or Student's t distribution."""
    return float(ndtri(q) if math.isinf(degrees) else stdtrit(degrees, q))


def _below(x: float, degrees: float) -> float:
    return float(ndtr(x) if math.isinf(degrees) else stdtr(degrees, x))
