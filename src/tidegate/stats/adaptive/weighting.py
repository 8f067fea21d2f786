"""Effect sizes of arms that were chosen adaptively, from the propensities that were logged (adaptively weighted AIPW).

The plain mean of an arm is biased when its rewards decided how often it was played. With the predicted mean m of the
arm before the epoch and the logged propensity e, each unit of the epoch scores

    G = m + 1{arm played} (y - m) / e,

which has the arm's mean whatever chose the arms. Weighting units by h = sqrt(e) stabilises the variance:

    Q = sum h G / sum h,        V = sum h**2 (G - Q)**2 / (sum h)**2,

and (Q - mean) / sqrt(V) is asymptotically standard normal, even where propensities tend to 0. Source: Hadad,
Hirshberg, Zhan, Wager, Athey, PNAS 118(15), 2021, "Confidence intervals for policy evaluation in adaptive
experiments": the adaptively weighted estimator with variance-stabilising weights.

Assumptions: propensities were fixed before the epoch and are those that were used; at least about 5 % each (the
floor). Units, not requests. The interval is for one look at a fixed number of epochs; the e-process decides when to
stop. Epochs add up, so any split over gateways gives the same bits as long as the sums are integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

_SHRINKAGE = 1.0  # units of the prior mean in the prediction


class Epoch(msgspec.Struct, frozen=True):
    """One arm in one epoch, during which its propensity did not change.

    Attributes:
        units: assigned to any arm.
        propensity: of this arm, within (0, 1].
        count: units of this arm whose reward is known.
        total: sum of their rewards.
        squares: sum of the squares.
    """

    units: int
    propensity: float
    count: int
    total: float
    squares: float


class ArmValue(msgspec.Struct, frozen=True):
    """An arm's mean reward.

    Attributes:
        estimate: NaN without units.
        standard_error: infinite without two units.
    """

    estimate: float
    standard_error: float

    def interval(self, z: float = 1.959963984540054) -> tuple[float, float]:
        """``estimate`` -+ z standard errors."""
        return self.estimate - z * self.standard_error, self.estimate + z * self.standard_error


def arm_value(epochs: Sequence[Epoch], prior_mean: float = 0.0) -> ArmValue:
    """The mean reward of one arm over its epochs, in the order in which they ran.

    Args:
        epochs: oldest first.
        prior_mean: prediction before the first epoch; a wrong one costs precision, never validity.

    Raises:
        ValueError: a propensity outside (0, 1], or more units of the arm than of the epoch.
    """
    predictions = _predictions(epochs, prior_mean)
    weights = total = 0.0
    for epoch, m in zip(epochs, predictions, strict=True):
        h = math.sqrt(epoch.propensity)
        weights += h * epoch.units
        total += h * _score_sum(epoch, m)
    if not weights:
        return ArmValue(math.nan, math.inf)
    estimate = total / weights
    if sum(epoch.count for epoch in epochs) < 2:
        return ArmValue(estimate, math.inf)
    variance = sum(
        epoch.propensity * _square_sum(epoch, m, estimate) for epoch, m in zip(epochs, predictions, strict=True)
    )
    return ArmValue(estimate, math.sqrt(variance) / weights)


def difference(candidate: ArmValue, stable: ArmValue) -> ArmValue:
    """Candidate minus stable; errors add in squares, which is conservative (the scores are negatively correlated
    only through the prediction)."""
    error = math.hypot(candidate.standard_error, stable.standard_error)
    return ArmValue(candidate.estimate - stable.estimate, error)


def _predictions(epochs: Sequence[Epoch], prior_mean: float) -> list[float]:
    """The arm's mean in earlier epochs, drawn towards ``prior_mean``: predictable, as the martingale asks."""
    count, total, found = _SHRINKAGE, _SHRINKAGE * prior_mean, []
    for epoch in epochs:
        if not 0 < epoch.propensity <= 1 or epoch.count > epoch.units:
            raise ValueError(f"an epoch needs a propensity within (0, 1] and at most its units played, not {epoch}")
        found.append(total / count)
        count += epoch.count
        total += epoch.total
    return found


def _score_sum(epoch: Epoch, m: float) -> float:
    return epoch.units * m + (epoch.total - epoch.count * m) / epoch.propensity


def _square_sum(epoch: Epoch, m: float, estimate: float) -> float:
    """sum (G - Q)**2: units of other arms score m, those of this one m + (y - m) / e."""
    offset = m - estimate
    residuals = epoch.total - epoch.count * m
    residual_squares = epoch.squares - 2 * m * epoch.total + epoch.count * m * m
    return (
        epoch.units * offset * offset
        + 2 * offset * residuals / epoch.propensity
        + residual_squares / epoch.propensity**2
    )
