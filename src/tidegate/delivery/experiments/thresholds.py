"""Quantiles as shares: the threshold that each objective which is a quantile is judged by, frozen before it is used.

Estimates of quantiles are no ground for a decision that may be looked at for weeks. Instead control's quantile is
frozen as soon as control has enough values, everything seen until then is set aside (it chose the threshold), and from
there on it counts how often each arm exceeds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tidegate.delivery.evidence.exceeding import Since
from tidegate.delivery.evidence.measures import QUANTILES, Quantity
from tidegate.delivery.evidence.metrics import metric_name, metric_of
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.progress import Experiment, Threshold
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.snapshot import STABLE
from tidegate.stats.arm_prediction import Stratum
from tidegate.stats.comparison import Tail

MINIMUM_VALUES = 100  # of control, that a threshold is frozen from


class Tails(NamedTuple):
    """The values of both sides of one round; of their units ``share`` was the arm's probability."""

    share: float
    arm: Since
    control: Since


def freeze_thresholds(
    objectives: Sequence[GuardrailSpec], experiment: Experiment, counts: Sequence[StepCounts]
) -> tuple[Threshold, ...]:
    """Those of ``experiment``, and what can be frozen now.

    Args:
        counts: of the latest round, one for each variant.
    """
    known = {threshold.metric: threshold for threshold in experiment.thresholds}
    compared = {each.variant: each.compared for each in counts}
    for objective in objectives:
        name, quantity = metric_name(objective), quantile_of(objective)
        if quantity is None or name in known:
            continue
        tails = {variant: quantity.tail(summary) for variant, summary in compared.items()}
        control = tails.get(STABLE, Tail(quantity.of(Summary())))
        value = control.quantile(QUANTILES[objective.stat or ""])
        if control.size >= MINIMUM_VALUES and 0 < value < float("inf"):
            known[name] = Threshold(
                metric=name,
                value=value,
                round=len(experiment.shares) - 1,
                values={variant: tail.values for variant, tail in tails.items()},
                failures={variant: tail.infinite for variant, tail in tails.items()},
            )
    return tuple(known.values())


def quantile_of(objective: GuardrailSpec) -> Quantity | None:
    """The quantity whose quantile the objective is about, if it is."""
    measure = metric_of(objective).measure
    return measure if isinstance(measure, Quantity) and objective.stat in QUANTILES else None


def exceedances(tails: Sequence[Tails], value: float, *, factor: float = 1.0, is_least: bool = True) -> list[Stratum]:
    """How often the arm exceeded ``factor`` times the threshold, and control the threshold, round by round.

    Args:
        value: the threshold, the edge of a bucket.
        is_least: count values of the arm that surely exceed; else those that may (a bucket that its threshold cuts).
    """
    return [
        Stratum(share, *arm.exceeding(value * factor, is_least=is_least), *control.exceeding(value))
        for share, arm, control in tails
    ]
