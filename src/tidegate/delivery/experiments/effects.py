"""One objective of one arm against control: effect, interval, evidence, probability; valid at every look.

E-values of both directions are at hand at every look; the two-sided one is their mean and p its inverse. The
probability of being better is that of a normal posterior under a flat prior: for people, nothing is decided by it.
How the numbers are found is in :mod:`~tidegate.delivery.experiments.differences`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from tidegate.delivery.evidence.metrics import Harm, metric_name, metric_of
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.experiments.differences import Difference, difference
from tidegate.delivery.experiments.progress import Threshold
from tidegate.delivery.release_spec import GuardrailSpec

_MOST = 700.0  # exp() of more overflows


class EffectStanding(StrEnum):
    """What the evidence says of an arm's objective."""

    BETTER = "better"
    WORSE = "worse"  # by more than its margin
    NO_WORSE = "no_worse"  # surely within its margin, and not surely better
    UNDECIDED = "undecided"
    NO_DATA = "no_data"


class ArmEffect(msgspec.Struct, frozen=True, kw_only=True):
    """One objective of one arm.

    Attributes:
        metric: with its statistic.
        variant: the arm.
        better: which way is better.
        estimate, control_estimate: in the metric's own unit, ``None`` without data.
        effect: arm minus control; ``lower`` and ``upper`` hold at every look, each at the shared level.
        lift: the effect in parts of control's value.
        probability: of being better than control.
        e_value: against "no difference"; ``p_value`` is its inverse, at most 1.
        samples, control_samples: units, or values, that it rests on.
    """

    metric: str
    variant: str
    better: str
    standing: EffectStanding
    estimate: float | None = None
    control_estimate: float | None = None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    lift: float | None = None
    lift_lower: float | None = None
    lift_upper: float | None = None
    probability: float | None = None
    e_value: float = 1.0
    p_value: float = 1.0
    samples: int = 0
    control_samples: int = 0


def arm_effect(
    objective: GuardrailSpec,
    variant: str,
    rounds: Sequence[Round],
    *,
    alpha: float,
    least: int,
    threshold: Threshold | None = None,
) -> ArmEffect:
    """What is known of one objective of one arm.

    Args:
        rounds: oldest first.
        alpha: of each bound and each direction, shared over arms and objectives by the caller.
        least: units that each side needs.
        threshold: of an objective that is a quantile, as soon as there is one.
    """
    found = difference(
        objective,
        rounds,
        alpha=alpha,
        least=least,
        threshold=threshold,
        variant=variant,
        margin=margin(objective),
    )
    return told(objective, variant, found, alpha, least)


def sign(objective: GuardrailSpec) -> int:
    """1 where higher is better, else -1."""
    return 1 if metric_of(objective).harm is Harm.DECREASE else -1


def margin(objective: GuardrailSpec) -> float | None:
    """How much worse is no harm: points for shares, relative for everything else; ``None`` asks for better."""
    ratio = None if objective.max_ratio is None else objective.max_ratio - 1
    given = (
        (objective.max_change, objective.max_decrease)
        if sign(objective) > 0
        else (objective.max_change, objective.max_increase, ratio)
    )
    known = [float(each) for each in given if each is not None]
    return min(known) if known else None


def told(objective: GuardrailSpec, variant: str, found: Difference, alpha: float, least: int) -> ArmEffect:
    """A difference as people and decisions read it; arguments as of :func:`arm_effect`."""
    e_value = (math.exp(min(found.log_higher, _MOST)) + math.exp(min(found.log_lower, _MOST))) / 2
    z = sign(objective) * found.effect.estimate / found.error if found.error else 0.0
    lifts = [_over(value, found.control) for value in found.effect]
    return ArmEffect(
        metric=metric_name(objective),
        variant=variant,
        better="higher" if sign(objective) > 0 else "lower",
        standing=_standing(objective, found, alpha, least),
        estimate=_finite(found.estimate),
        control_estimate=_finite(found.control),
        effect=_finite(found.effect.estimate),
        lower=_finite(found.effect.lower),
        upper=_finite(found.effect.upper),
        lift=lifts[0],
        lift_lower=lifts[1],
        lift_upper=lifts[2],
        probability=None if not math.isfinite(z) or math.isinf(found.error) else math.erfc(-z / math.sqrt(2)) / 2,
        e_value=e_value,
        p_value=min(1.0, 1 / e_value) if e_value else 1.0,
        samples=found.samples[0],
        control_samples=found.samples[1],
    )


def _standing(objective: GuardrailSpec, found: Difference, alpha: float, least: int) -> EffectStanding:
    """Better and worse by the e-values; within a margin by the bounds, of a quantile by e-values too."""
    if min(found.samples) < max(1, least):
        return EffectStanding.NO_DATA
    enough = -math.log(alpha)
    better, worse = (found.log_higher, found.log_lower) if sign(objective) > 0 else (found.log_lower, found.log_higher)
    if better >= enough:
        return EffectStanding.BETTER
    allowed = margin(objective)
    if allowed is None:
        return EffectStanding.WORSE if worse >= enough else EffectStanding.UNDECIDED
    if found.log_beyond is not None and found.log_within is not None:
        if found.log_beyond >= enough:
            return EffectStanding.WORSE
        return EffectStanding.NO_WORSE if found.log_within >= enough else EffectStanding.UNDECIDED
    low, high = _harm(objective, found)
    if low > allowed:
        return EffectStanding.WORSE
    return EffectStanding.NO_WORSE if high < allowed else EffectStanding.UNDECIDED


def _harm(objective: GuardrailSpec, found: Difference) -> tuple[float, float]:
    """Bounds of how much worse: points for shares, relative for everything else."""
    scale = 1.0 if metric_of(objective).unit == "share" else abs(found.control) or math.nan
    lower, upper = found.effect.lower / scale, found.effect.upper / scale
    return (-upper, -lower) if sign(objective) > 0 else (lower, upper)


def _over(value: float, base: float) -> float | None:
    return _finite(value / base) if base and math.isfinite(base) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
