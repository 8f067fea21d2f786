"""Two arms at one look: means, rates, ratios over units, ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidegate.stats.fixed_horizon.finding import UNKNOWN, Alternative, Finding, from_error, quantile, tail
from tidegate.stats.ratio import Ratio
from tidegate.stats.summaries import Covaried, Events, Moments


def welch_t(
    candidate: Moments, stable: Moments, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Finding:
    """Difference of two means without assuming equal variances.

        t = (m_C - m_S) / sqrt(v_C + v_S),    v = s**2 / n,    df = (v_C + v_S)**2 / sum v**2 / (n - 1)

    Source: Welch, Biometrika 34, 1947 (with Satterthwaite's degrees of freedom). Assumptions: independent units, means
    nearly normal (heavy tails need many). Not for a stream that is looked at more than once.

    Args:
        candidate, stable: sums of one whole-number quantity; fewer than two values give an unknown finding.
        alpha: of the interval.
        alternative: which candidate is looked for.

    Returns:
        The difference in the unit of the values; ``statistic`` is t.
    """
    if min(candidate.count, stable.count) < 2:
        return UNKNOWN
    own, other = candidate.variance / candidate.count, stable.variance / stable.count
    spread = own + other
    parts = own**2 / (candidate.count - 1) + other**2 / (stable.count - 1)
    degrees = spread**2 / parts if parts else math.inf
    return from_error(candidate.mean - stable.mean, math.sqrt(spread), alpha, alternative, degrees)


def two_proportion_z(
    candidate: Events, stable: Events, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Finding:
    """Difference of two rates: pooled z-test, Newcombe's hybrid score interval.

        z = (p_C - p_S) / sqrt(p (1 - p) (1/n_C + 1/n_S)),    p the pooled rate

    Source: Newcombe, Statist. Med. 17, 1998, method 10 (interval from Wilson, JASA 22, 1927). Assumptions: independent
    units, at least 10 events and non-events in each arm for the p-value; the interval also holds with fewer.

    Args:
        candidate, stable: an arm without units gives an unknown finding.
        alpha: of the interval.
        alternative: which candidate is looked for.

    Returns:
        The difference in parts of one; ``statistic`` is z.
    """
    if not (candidate.trials and stable.trials):
        return UNKNOWN
    estimate = candidate.rate - stable.rate
    pooled = (candidate.events + stable.events) / (candidate.trials + stable.trials)
    error = math.sqrt(pooled * (1 - pooled) * (1 / candidate.trials + 1 / stable.trials))
    low_c, high_c = wilson(candidate, alpha)
    low_s, high_s = wilson(stable, alpha)
    lower = estimate - math.hypot(candidate.rate - low_c, high_s - stable.rate)
    upper = estimate + math.hypot(high_c - candidate.rate, stable.rate - low_s)
    statistic = estimate / error if error else 0.0
    return Finding(estimate, lower, upper, statistic, tail(statistic, alternative))


def wilson(arm: Events, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's score interval of one rate (JASA 22, 1927): {p : (x/n - p)**2 <= z**2 p (1 - p) / n}.

    Returns:
        ``(lower, upper)`` within [0, 1]; ``(0, 1)`` without units.
    """
    if not arm.trials:
        return 0.0, 1.0
    z, n = quantile(1 - alpha / 2), arm.trials
    middle = (arm.rate + z * z / (2 * n)) / (1 + z * z / n)
    width = z / (1 + z * z / n) * math.sqrt(arm.rate * (1 - arm.rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - width), min(1.0, middle + width)


def mann_whitney(
    candidate: Mapping[float, int], stable: Mapping[float, int], alternative: Alternative = "two-sided"
) -> Finding:
    """Does the candidate tend to have larger values? Rank sums with ties, from counts of each value.

        U = sum over pairs of 1{c > s} + 1{c = s} / 2,    z = (U - n_C n_S / 2 -+ 1/2) / sd,
        sd**2 = n_C n_S / 12 (N + 1 - sum (t**3 - t) / (N (N - 1))),    t the values tied at each point

    Source: Mann, Whitney, Ann. Math. Statist. 18(1), 1947; ties as Lehmann, Nonparametrics, 1975, section 1.4, with
    continuity correction. Exact for raw values (``collections.Counter(values)``) and for histograms, whose buckets are
    the points and whose ties are those of the buckets. Assumption: independent units, at least about 10 an arm. It
    compares ranks, not means: not for cost, where the tail is the bill.

    Args:
        candidate, stable: value or bucket index -> units.
        alternative: which candidate is looked for.

    Returns:
        ``estimate`` is P(candidate > stable) + P(tie)/2, with the normal interval at 95 % under no effect;
        ``statistic`` is U.
    """
    n, m = sum(candidate.values()), sum(stable.values())
    if not (n and m):
        return UNKNOWN
    below, statistic, ties = 0, 0.0, 0
    for point in sorted({*candidate, *stable}):
        own, other = candidate.get(point, 0), stable.get(point, 0)
        statistic += own * (below + other / 2)
        below += other
        ties += (own + other) ** 3 - (own + other)
    total, middle = n + m, n * m / 2
    spread = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1)))) if total > 1 else 0.0
    if not spread:
        return Finding(statistic / (n * m), 0.0, 1.0, statistic, 1.0)
    excess = statistic - middle
    if alternative == "two-sided":
        p_value = min(1.0, tail((abs(excess) - 0.5) / spread, "larger") * 2)
    else:
        p_value = tail((excess - (0.5 if alternative == "larger" else -0.5)) / spread, alternative)
    width = quantile(0.975) * spread / (n * m)
    estimate = statistic / (n * m)
    return Finding(estimate, estimate - width, estimate + width, statistic, p_value)


def difference_of_ratios(
    candidate: Ratio, stable: Ratio, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Finding:
    """Difference of two ratios of sums (cost per token), units clustered: z by the delta method.

    The variance is that of :mod:`~tidegate.stats.ratio`; formula, assumptions and sources there.

    Returns:
        The difference in the unit of the ratio; ``statistic`` is z.
    """
    error = math.hypot(*(arm.relative_error * arm.value for arm in (candidate, stable)))
    if not math.isfinite(error):
        return UNKNOWN
    return from_error(candidate.value - stable.value, error, alpha, alternative)


def cuped(
    candidate: Covaried, stable: Covaried, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Finding:
    """Difference of two means, with what a covariate known beforehand explains taken away.

        D = (y_C - y_S) - theta (x_C - x_S),    theta = cov(x, y) / var(x) within the arms,
        Var D = sum over arms of (var y - 2 theta cov + theta**2 var x) / n,

    which is the plain variance times 1 - correlation**2. Source: Deng, Xu, Kohavi, Walker, WSDM 2013, equations (4)
    and (5). Assumption: the covariate was known before the assignment (prompt tokens, the unit's earlier mean). Never
    with something the arms can change (output tokens), which would take the effect away.

    Returns:
        The adjusted difference in the unit of the quantity; ``statistic`` is z.
    """
    if min(candidate.count, stable.count) < 2:
        return UNKNOWN
    arms = [_centred(candidate), _centred(stable)]
    spread_x = sum(xx for _, xx, _ in arms)
    theta = sum(xy for _, _, xy in arms) / spread_x if spread_x else 0.0
    counts = candidate.count, stable.count
    variance = sum(
        (yy - 2 * theta * xy + theta**2 * xx) / (n - 1) / n for (yy, xx, xy), n in zip(arms, counts, strict=True)
    )
    plain = candidate.total / candidate.count - stable.total / stable.count
    shift = candidate.covariate / candidate.count - stable.covariate / stable.count
    return from_error(plain - theta * shift, math.sqrt(max(0.0, variance)), alpha, alternative)


def _centred(arm: Covaried) -> tuple[float, float, float]:
    """Sums of squares of y, of x, and of products, around the means; each from one exact integer."""
    n, y, x = arm.count, arm.total, arm.covariate
    yy, xx, xy = n * arm.squares - y * y, n * arm.covariate_squares - x * x, n * arm.products - x * y
    return yy / n, xx / n, xy / n
