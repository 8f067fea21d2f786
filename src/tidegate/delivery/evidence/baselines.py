"""What is frozen of stable before it is compared with: thresholds of quantiles, and rates to predict events by.

A threshold that moved with the data would be chosen by what it judges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.delivery.evidence.measures import QUANTILES, Quantity, Rate
from tidegate.delivery.evidence.metrics import metric_name, metric_of
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.release import Baseline
from tidegate.delivery.release_spec import GuardrailSpec

MINIMUM_BASELINE = 100  # values of stable that a threshold is frozen from


def freeze(
    guardrails: Sequence[GuardrailSpec],
    known: Sequence[Baseline],
    before: Summary | None,
    candidate: Summary,
    stable: Summary,
) -> tuple[Baseline, ...]:
    """``known`` and what can be frozen now.

    From the step before, whose counts are closed; else from this step's stable as soon as that is enough, and then
    everything seen so far is set aside, because it chose the threshold.

    Args:
        before: stable in the latest earlier step, ``None`` without one.
        candidate, stable: this step so far.
    """
    frozen = {baseline.metric: baseline for baseline in known}
    for guardrail in guardrails:
        name = metric_name(guardrail)
        if not guardrail.compares or name in frozen:
            continue
        measure = metric_of(guardrail).measure
        made = _rate(name, measure, before) if isinstance(measure, Rate) else None
        if isinstance(measure, Quantity) and guardrail.stat != "mean":
            made = _threshold(name, measure, guardrail.stat or "p95", before, candidate, stable)
        if made is not None:
            frozen[name] = made
    return tuple(frozen.values())


def _rate(name: str, rate: Rate, before: Summary | None) -> Baseline | None:
    if before is None or rate.trials(before) < MINIMUM_BASELINE:
        return None
    return Baseline(metric=name, value=(rate.events(before) + 0.5) / (rate.trials(before) + 1))


def _threshold(
    name: str, metric: Quantity, stat: str, before: Summary | None, candidate: Summary, stable: Summary
) -> Baseline | None:
    q = QUANTILES[stat]
    if before is not None and (tail := metric.tail(before)).size >= MINIMUM_BASELINE:
        return _finite(name, tail.quantile(q))
    own = metric.tail(stable)
    found = _finite(name, own.quantile(q)) if own.size >= MINIMUM_BASELINE else None
    if found is None:
        return None
    other = metric.tail(candidate)
    return Baseline(
        metric=name,
        value=found.value,
        candidate=other.values,
        stable=own.values,
        candidate_failures=other.infinite,
        stable_failures=own.infinite,
    )


def _finite(name: str, value: float) -> Baseline | None:
    """Without a threshold while more of stable fails than the quantile leaves above it."""
    return Baseline(metric=name, value=value) if 0 < value < math.inf else None
