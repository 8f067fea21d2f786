"""From the bounds of a harm to a verdict, and the bounds themselves where they come from one arm at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

from tidegate.stats import bernoulli
from tidegate.stats.asymptotic import MINIMUM_EVENTS, Effect, critical
from tidegate.stats.distribution import SCALE, Distribution
from tidegate.stats.verdict import Verdict

_ROUNDING = math.log(2) / SCALE / math.sqrt(12)  # standard error of a value that is known to its bucket only
_Z = 1.959963984540054  # the order statistics that bracket a quantile, 95 %


class Tail(NamedTuple):
    """Values of one arm, with units that count as larger than any (they failed)."""

    values: Distribution
    infinite: int = 0

    @property
    def size(self) -> int:
        """Units."""
        return self.values.count + self.infinite

    def quantile(self, q: float) -> float:
        """Upper edge of the bucket that holds the ``q`` quantile, infinite when that is a failure; 0 without units."""
        return self.at_rank(max(1, math.ceil(q * self.size)))

    def at_rank(self, rank: int) -> float:
        """The value of that rank from below, counted from 1."""
        if rank > self.values.count:
            return math.inf if self.infinite else self.values.quantile(1.0)
        return self.values.quantile(rank / self.values.count) if self.values.count else 0.0


def difference_of_rates(candidate: tuple[int, int], stable: tuple[int, int], alpha: float) -> Effect:
    """Candidate's rate minus stable's, in parts of one, from one-arm bounds at ``alpha``/2 each.

    Exact at every look and for any sizes, also without a single event; wider than a joint test. Each side holds
    with probability 1 - ``alpha``. Not for rates pooled over steps.

    Args:
        candidate: events and units.
        stable: events and units.
        alpha: of each side.
    """
    low_c, high_c = bernoulli.bounds(*candidate, alpha / 2)
    low_s, high_s = bernoulli.bounds(*stable, alpha / 2)
    has_both = candidate[1] and stable[1]
    estimate = candidate[0] / candidate[1] - stable[0] / stable[1] if has_both else math.nan
    return Effect(estimate, low_c - high_s, high_c - low_s)


def log_ratio_of_quantiles(candidate: Tail, stable: Tail, q: float, alpha: float, *, horizon: int) -> Effect:
    """log of candidate's ``q`` quantile over stable's, asymptotically valid at every look (AsympCS); for show.

    The standard error is (log Y_(u) - log Y_(l)) / 2z with the order statistics of ranks n q -+ z sqrt(n q (1 - q)),
    and a bucket is no sharper than its width: that of a uniform error is added. Needs :data:`MINIMUM_EVENTS` units beyond the quantile in each arm, else the bounds are infinite. To decide use
    exceedances of a frozen threshold, which are exact.
    """
    arms = (candidate, stable)
    if not (candidate.size and stable.size):
        return Effect(math.nan, -math.inf, math.inf)
    found, base = (math.log(max(1.0, arm.quantile(q))) for arm in arms)
    estimate, error = found - base, math.hypot(*(_quantile_error(arm, q) for arm in arms))
    has_few = min(arm.size * min(q, 1 - q) for arm in arms) < MINIMUM_EVENTS
    if has_few or not (math.isfinite(estimate) and math.isfinite(error)):
        return Effect(estimate, -math.inf, math.inf)
    width = error * critical(candidate.size + stable.size, alpha, horizon=horizon)
    return Effect(estimate, estimate - width, estimate + width)


def judge_harm(lower: float, upper: float, margin: float) -> Verdict:
    """The verdict on a harm known to lie within [``lower``, ``upper``]: fail when it is surely above ``margin``, pass
    when it is surely below, else inconclusive. *No significant harm* is never a pass."""
    if lower > margin:
        return Verdict.FAIL
    return Verdict.PASS if upper < margin else Verdict.INCONCLUSIVE


def _quantile_error(arm: Tail, q: float) -> float:
    n = arm.size
    spread = _Z * math.sqrt(n * q * (1 - q))
    below, above = (arm.at_rank(min(n, max(1, round(n * q + s)))) for s in (-spread, spread))
    return math.hypot((math.log(max(1.0, above)) - math.log(max(1.0, below))) / (2 * _Z), _ROUNDING)
