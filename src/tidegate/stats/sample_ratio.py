"""Did the arms get the units they should have? A mismatch means that assignment or counting is broken.

Sequentially: with ``n_i`` units in the arm of probability ``r_i`` and the prior Dirichlet(c r),

    E = G(c) / G(c + n) * prod_i G(c r_i + n_i) / G(c r_i) / prod_i r_i**n_i        (G the gamma function)

is an e-process under the right shares; strata multiply. Source: Lindon, Malek, NeurIPS 2022, "Anytime-valid
inference for multinomial count data". Where shares change round by round, a product over many small strata would forget
in each what it learnt in those before; there each arm is held against all others by the ratio of its odds, which is the
same in every round when units are lost (:mod:`~tidegate.stats.arm_prediction` with every unit as an event). For reports
with a fixed number of units there is Pearson's chi-squared.

Assumption: units, not requests, each counted once. Not for counts from which slow units are still missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.stats.arm_prediction import Stratum, log_evidence_of_difference
from tidegate.stats.mixture import log_sum

ALARM = 0.001  # probability of a false alarm
_CONCENTRATION = 100.0
_TERMS = 500


def log_mismatch(counts: Sequence[int], shares: Sequence[float]) -> float:
    """log E of one stratum; an alarm at log(1/:data:`ALARM`).

    Args:
        counts: units of each arm.
        shares: of each arm, summing to 1; an arm of share 0 must have no units, or E is infinite.
    """
    if any(count and not share for count, share in zip(counts, shares, strict=True)):
        return math.inf
    total = math.lgamma(_CONCENTRATION) - math.lgamma(_CONCENTRATION + sum(counts))
    for count, share in zip(counts, shares, strict=True):
        if share:
            prior = _CONCENTRATION * share
            total += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return total


def log_mismatch_of_rounds(counts: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> float:
    """log E over rounds with shares of their own; an alarm at log(1/:data:`ALARM`). The mean of one e-process an arm.

    Args:
        counts: of each round, units of each arm; the arms are the same in all rounds.
        shares: of each round, of each arm, summing to 1; where an arm has 0 or 1 the round tells nothing of it.
    """
    arms = len(counts[0]) if counts else 0
    found = []
    for arm in range(arms):
        strata = [
            Stratum(own[arm], seen[arm], seen[arm], sum(seen) - seen[arm], sum(seen) - seen[arm])
            for seen, own in zip(counts, shares, strict=True)
            if 0 < own[arm] < 1
        ]
        found.append(log_evidence_of_difference(strata))
    return log_sum(found) - math.log(arms) if arms else 0.0


def chi_squared(counts: Sequence[int], shares: Sequence[float]) -> tuple[float, float]:
    """``(statistic, p)`` of Pearson's test at one look, with (arms of non-zero share - 1) degrees of freedom.

    Raises:
        ValueError: fewer than two arms have a share.
    """
    arms = [(count, share) for count, share in zip(counts, shares, strict=True) if share]
    if len(arms) < 2:
        raise ValueError("a sample ratio needs two arms with a share")
    total = sum(count for count, _ in arms)
    if not total:
        return 0.0, 1.0
    statistic = sum((count - total * share) ** 2 / (total * share) for count, share in arms)
    return statistic, upper_gamma((len(arms) - 1) / 2, statistic / 2)


def upper_gamma(a: float, x: float) -> float:
    """Regularised upper incomplete gamma function Q(a, x): series below a + 1, continued fraction (Lentz) above."""
    if x <= 0:
        return 1.0
    factor = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _TERMS):
            term *= x / (a + n)
            total += term
            if term < total * 1e-16:
                break
        return max(0.0, 1 - factor * total)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for n in range(1, _TERMS):
        step = -n * (n - a)
        b += 2
        d = 1 / (step * d + b or tiny)
        c = b + step / c or tiny
        fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return factor * fraction
