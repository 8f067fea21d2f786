"""Units that a test at a fixed number of them takes, and the change it can detect.

Everything is counted in *information*: with n units, a share r of them in the candidate's arm, I = n r (1 - r). A
difference of means has variance sigma**2 / I, so a change D is detected with power 1 - b when

    I >= (z_alpha + z_b)**2 sigma**2 / D**2,        z_alpha = z_{1 - alpha/2} two-sided, z_{1 - alpha} one-sided,

and at 50/50 (I = n/4) that is 2 (z_alpha + z_b)**2 sigma**2 / D**2 in each arm. Steps of a ramp add up: I = sum n_k r_k
(1 - r_k), so 5/95 needs 5.26 times, and 1/99 25 times, the traffic of 50/50. Two proportions have their own variance
under each hypothesis:

    n in each arm = (z_alpha sqrt(2 p q) + z_b sqrt(p1 q1 + p2 q2))**2 / (p1 - p2)**2,    p the mean of p1 and p2.

A quantile of density f has variance q (1 - q) / f**2 for each unit; on the log scale of a log-normal latency that is
(sigma c_q)**2 with c = sqrt(q (1 - q)) / phi(z_q) (1.2533, 1.7094, 2.1132, 3.7332 for p50, p90, p95, p99). Sources:
Fleiss, Levin, Paik, Statistical Methods for Rates and Proportions, 3rd ed. 2003, chapter 4; Mosteller, Ann. Math.
Statist. 17(4), 1946 (quantiles); Kish, Survey Sampling, 1965 (design effect).

Assumptions: one look. A sequential test that may stop early needs a cap of :data:`SEQUENTIAL_CAP` times as many and
stops after about as many on average; :mod:`~tidegate.stats.planning.sequential_power` computes both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

_normal_quantile = NormalDist().inv_cdf  # not scipy's: control loads this at its start
SEQUENTIAL_CAP = 2.0
"""Units at which a sequential test is to give up, as a multiple of the fixed number; 1.75 to 2 is usual."""


def effort(alpha: float, power: float, *, is_two_sided: bool = False) -> float:
    """(z_alpha + z_b)**2, what one standard deviation costs in information.

    Raises:
        ValueError: alpha or power outside (0, 1).
    """
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError(f"alpha and power lie between 0 and 1, and {alpha} and {power} do not")
    return (_normal_quantile(1 - alpha / (2 if is_two_sided else 1)) + _normal_quantile(power)) ** 2


def information(steps: Iterable[tuple[float, float]]) -> float:
    """sum n r (1 - r) over the steps of a ramp, each (units of both arms, share of the candidate)."""
    return sum(units * share * (1 - share) for units, share in steps)


def for_means(
    deviation: float, change: float, share: float = 0.5, *, alpha: float, power: float, is_two_sided: bool = False
) -> float:
    """Units of both arms that show a ``change`` of a mean.

    Args:
        deviation: standard deviation of one unit, in the unit of ``change``.
        change: not 0.
        share: of the candidate, within (0, 1).
        alpha, power: of the test.
        is_two_sided: whether alpha is split.
    """
    return effort(alpha, power, is_two_sided=is_two_sided) * (deviation / change) ** 2 / (share * (1 - share))


def detectable_mean(
    deviation: float, units: float, share: float = 0.5, *, alpha: float, power: float, is_two_sided: bool = False
) -> float:
    """The smallest change of a mean that ``units`` of both arms show; infinite without any."""
    found = information([(units, share)])
    return math.sqrt(effort(alpha, power, is_two_sided=is_two_sided) / found) * deviation if found else math.inf


def for_proportions(
    stable: float, candidate: float, share: float = 0.5, *, alpha: float, power: float, is_two_sided: bool = False
) -> float:
    """Units of both arms that tell two rates apart.

    With unequal arms, each variance is that of its own share: (z_alpha sqrt(p q / (r (1 - r))) + z_b sqrt(p1 q1 / r +
    p0 q0 / (1 - r)))**2 / (p1 - p0)**2 with p = r p1 + (1 - r) p0; at 50/50 that is the textbook's formula.

    Args:
        stable, candidate: rates within [0, 1], different.
        share: of the candidate, within (0, 1).
        alpha, power: of the test.
        is_two_sided: whether alpha is split.

    Raises:
        ValueError: equal rates.
    """
    if stable == candidate:
        raise ValueError("equal rates cannot be told apart with any number of units")
    z_alpha, z_power = _normal_quantile(1 - alpha / (2 if is_two_sided else 1)), _normal_quantile(power)
    pooled = share * candidate + (1 - share) * stable
    under_none = math.sqrt(pooled * (1 - pooled) / (share * (1 - share)))
    under_change = math.sqrt(candidate * (1 - candidate) / share + stable * (1 - stable) / (1 - share))
    return ((z_alpha * under_none + z_power * under_change) / (candidate - stable)) ** 2


def detectable_proportion(
    stable: float, units: float, share: float = 0.5, *, alpha: float, power: float, is_two_sided: bool = False
) -> float:
    """The smallest rate above ``stable`` that ``units`` of both arms tell from it; infinite when even 1 is not."""
    low, high = stable, 1.0

    def needed(rate: float) -> float:
        return for_proportions(stable, rate, share, alpha=alpha, power=power, is_two_sided=is_two_sided)

    if stable >= 1 or needed(1.0) > units:
        return math.inf
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if middle > stable and needed(middle) <= units else (middle, high)
    return high


def quantile_factor(q: float) -> float:
    """c_q = sqrt(q (1 - q)) / phi(z_q): standard error of a log quantile is sigma c_q / sqrt(n) for log-normal values."""
    z = _normal_quantile(q)
    return math.sqrt(q * (1 - q)) * math.sqrt(2 * math.pi) * math.exp(z * z / 2)


def for_quantile(
    log_deviation: float,
    q: float,
    change: float,
    share: float = 0.5,
    *,
    alpha: float,
    power: float,
    is_two_sided: bool = False,
) -> float:
    """Units of both arms that show a relative ``change`` (0.1 for +10 %) of a quantile of log-normal values.

    Args:
        log_deviation: standard deviation of the log; from a histogram use :func:`log_deviation_at` instead.
        q: within (0, 1).
        change: relative, above -1, not 0.
        share: of the candidate, within (0, 1).
        alpha, power: of the test.
        is_two_sided: whether alpha is split.
    """
    spread = log_deviation * quantile_factor(q)
    return for_means(spread, math.log1p(change), share, alpha=alpha, power=power, is_two_sided=is_two_sided)


def log_deviation_at(q: float, log_density: float) -> float:
    """The log-normal sigma that would give a log quantile the same error as a density of log values does.

    Args:
        q: within (0, 1).
        log_density: density of the log values at the quantile, from a histogram: part of the units within one unit of
            natural log.
    """
    return math.sqrt(q * (1 - q)) / log_density / quantile_factor(q)


def design_effect(units_each: float, correlation: float) -> float:
    """1 + (m - 1) ICC: how many times more requests it takes when m of them come from one unit and are alike."""
    return 1 + (units_each - 1) * correlation


def intraclass_correlation(between: float, within: float) -> float:
    """ICC = between / (between + within), from the two components of variance; 0 without variance."""
    return between / (between + within) if between + within else 0.0
