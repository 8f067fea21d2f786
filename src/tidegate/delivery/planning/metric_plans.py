"""What one step can find and pass, metric by metric.

Each is judged by the step's own counts at its part of alpha, exactly as :mod:`~tidegate.delivery.decide_evidence` will
judge it.
"""

from __future__ import annotations

import math

import msgspec

from tidegate.delivery.evidence.measures import Quantity, Rate
from tidegate.delivery.evidence.metrics import metric_name, metric_of
from tidegate.delivery.planning.expected import Expectation, ExpectedMean, ExpectedRate
from tidegate.delivery.planning.forecast import Forecast
from tidegate.delivery.planning.planned import MetricPlan
from tidegate.delivery.planning.power import power_curve, smallest_breach, smallest_change
from tidegate.delivery.planning.questions import Question, question
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.steps import Program

LONGEST = 50.0  # times a step's units: how far ahead it is reckoned when an equal candidate would pass


def metric_plans(
    spec: ReleaseSpec,
    program: Program,
    index: int,
    expected: Expectation,
    traffic: Forecast,
    clock: float,
    share: float,
    units: float,
    least: int,
    power: float,
    *,
    arms: int = 1,
) -> list[MetricPlan]:
    """A row for each condition of each guardrail and objective, in the order in which they were declared.

    Args:
        index: of the step in ``program``.
        clock: when the step begins, seconds of the day (UTC).
        share: of the candidate, in parts of one.
        units: of both sides within the step.
        least: units below which nothing is judged.
        arms: how many share alpha.
    """
    bounds = (*spec.guardrails, *(() if program.is_experiment else spec.objectives))
    tested = [g for g in bounds if not (g.dry_run or g.source)]
    acting = sum((g.hard is not None) + g.compares for g in tested)
    alpha = spec.analysis.alpha / program.judgings / max(1, acting) / arms
    required = program.required_at(index)
    found: list[MetricPlan] = []
    for number, guardrail in enumerate(bounds):
        name, is_objective = metric_name(guardrail), number >= len(spec.guardrails)
        is_asked = required is None or name in required or guardrail.metric in required
        is_required = not guardrail.dry_run and (program.is_final(index) if is_objective else is_asked)
        if guardrail.source is not None:
            found += _readings(spec, program, index, guardrail, is_required=is_required)
            continue
        if guardrail.metric not in expected.metrics:
            continue
        if guardrail.hard is not None:
            telling = units * share * min(1.0, expected.metrics[guardrail.metric].per_request)
            breach = smallest_breach(guardrail, telling, power, alpha=alpha)
            found.append(_row(guardrail, expected, "hard", "share", None, breach, is_required=is_required))
        asked = None
        if guardrail.compares and 0 < share < 1:
            asked = question(
                guardrail, expected, share, alpha=alpha, pass_alpha=spec.analysis.alpha, least=max(1, least)
            )
        if asked is not None:
            row = _row(guardrail, expected, "comparison", asked.kind, asked.margin, None, is_required=is_required)
            found.append(_compared(row, asked, expected, traffic, clock, units, power))
        if guardrail.rule is not None and (0 < share < 1 or not guardrail.needs_stable):
            found.append(_row(guardrail, expected, "rule", "rule", None, None, is_required=is_required))
    return found


def _compared(
    row: MetricPlan,
    asked: Question,
    expected: Expectation,
    traffic: Forecast,
    clock: float,
    units: float,
    power: float,
) -> MetricPlan:
    """The row with the smallest change that is found, and with what an equal candidate needs to pass."""
    change = smallest_change(asked, units, power)
    after = asked.passes(max(units, 100.0) * LONGEST).needed(power) * expected.requests_per_unit
    fixed = asked.fixed(change, power) * expected.requests_per_unit if math.isfinite(change) else math.inf
    return msgspec.structs.replace(
        row,
        detectable=finite(change),
        curve=power_curve(asked, units, change),
        fixed_requests=finite(fixed),
        passes_after_requests=finite(after),
        passes_after_seconds=finite(traffic.seconds_for(after, clock)),
        can_pass=after <= units * expected.requests_per_unit,
    )


def _row(
    guardrail: GuardrailSpec,
    expected: Expectation,
    condition: str,
    kind: str,
    margin: float | None,
    detectable: float | None,
    *,
    is_required: bool,
) -> MetricPlan:
    known, metric = expected.metrics[guardrail.metric], metric_of(guardrail).measure
    if isinstance(known, ExpectedRate):
        value = 1 - known.rate if isinstance(metric, Rate) and metric.is_of_good else known.rate
    elif isinstance(known, ExpectedMean) or not isinstance(metric, Quantity):
        value = known.mean
    elif guardrail.stat == "mean":
        value = known.mean / metric.scale
    else:
        value = known.quantile(_q(guardrail)) / metric.scale
    return MetricPlan(
        metric=metric_name(guardrail),
        condition=condition,
        expected=finite(value),
        source=known.source,
        kind=kind,
        margin=margin,
        detectable=finite(detectable),
        fixed_requests=None,
        passes_after_requests=None,
        passes_after_seconds=None,
        can_pass=condition != "comparison",
        is_required=is_required,
    )


def _readings(
    spec: ReleaseSpec, program: Program, index: int, guardrail: GuardrailSpec, *, is_required: bool
) -> list[MetricPlan]:
    """A number from elsewhere is looked at once in an interval; what it will be nobody knows ahead."""
    interval = spec.analysis.interval
    every = float(program.criteria_at(index).interval if interval is None else interval)
    row = MetricPlan(
        metric=metric_name(guardrail),
        condition="reading",
        expected=None,
        source="elsewhere",
        kind="reading",
        margin=None,
        detectable=None,
        fixed_requests=None,
        passes_after_requests=None,
        passes_after_seconds=every,
        can_pass=every <= program.soak_at(index),
        is_required=is_required,
    )
    return [row] * ((guardrail.hard is not None) + (guardrail.rule is not None))


def _q(guardrail: GuardrailSpec) -> float:
    return float((guardrail.stat or "p95")[1:]) / 100


def finite(value: float | None) -> float | None:
    """``None`` for what is never reached: plans hold no infinities."""
    return value if value is not None and math.isfinite(value) else None
