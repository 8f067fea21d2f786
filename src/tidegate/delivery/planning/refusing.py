"""Why a release should not start: what it asks for can never be decided at today's traffic, so it would only ever wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.delivery.evidence.metrics import Kind, metric_of
from tidegate.delivery.planning.expected import Expectation
from tidegate.delivery.planning.forecast import Forecast
from tidegate.delivery.planning.planned import MetricPlan, Refusal, StepPlan
from tidegate.delivery.release_spec import ReleaseSpec


def refusals(
    spec: ReleaseSpec, steps: Sequence[StepPlan], expected: Expectation, traffic: Forecast
) -> Iterator[Refusal]:
    """Every reason, by step.

    Args:
        steps: as planned, the bake last.
        expected: of stable.
        traffic: of the service.
    """
    if not traffic.mean:
        yield Refusal(
            code="no_traffic",
            where="the whole release",
            sentence="nothing is known of the service's traffic",
            remedy="say what to expect with --requests-per-hour (assume: {requests_per_hour: …})",
        )
        return
    yield from _unknown(spec, expected)
    for step in steps:
        if step.kind not in {"split", "mirror", "decide"}:
            continue
        reached = step.reached_after_seconds
        if reached is None or reached > step.longest_seconds:
            yield _too_few(step, reached)
        else:
            yield from _undecidable(step, expected)


def _unknown(spec: ReleaseSpec, expected: Expectation) -> Iterator[Refusal]:
    """Metrics that must pass, and of which nobody knows how stable does or how many requests tell them."""
    named = {g.metric: g for g in (*spec.guardrails, *spec.objectives) if g.source is None and not g.dry_run}
    for name, guardrail in named.items():
        if name in expected.metrics:
            continue
        is_rate = metric_of(guardrail).kind is Kind.RATE
        given = f"rates: {{{name}: 90%}}" if is_rate else f"means: {{{name}: {{mean: 0.8, deviation: 0.2}}}}"
        yield Refusal(
            code="unknown_baseline",
            where=name,
            sentence="nothing is known of it: neither how stable does nor how many requests tell it",
            remedy=f"say what to expect, assume: {{{given}, told_by: {{{name}: 5%}}}}, or only show it (dry_run: true)",
        )


def _undecidable(step: StepPlan, expected: Expectation) -> Iterator[Refusal]:
    """What the step waits for, and what an equal candidate would not pass in all its time."""
    for metric in step.metrics:
        if metric.is_required and not _is_decided(step, metric, expected):
            yield Refusal(
                code="never_decided",
                where=f"{metric.metric} in {_name(step)}",
                sentence=_why(step, metric),
                remedy="widen its margin, give the step more share or soak, or name in require: what the step waits for",
            )


def _is_decided(step: StepPlan, metric: MetricPlan, expected: Expectation) -> bool:
    if metric.condition in {"comparison", "reading"}:
        return metric.passes_after_seconds is not None and metric.passes_after_seconds <= step.longest_seconds
    known = expected.metrics.get(metric.metric) or expected.metrics.get(metric.metric.rpartition(".")[0])
    told_by = 1.0 if known is None else min(1.0, known.per_request)
    return _most(step) * told_by >= step.min_samples


def _why(step: StepPlan, metric: MetricPlan) -> str:
    whole = f"the step lasts {step.longest_seconds / 3600:,.2g} hours, every extension included"
    match metric.condition:
        case "comparison" if metric.passes_after_seconds is None:
            return f"an equal candidate would never pass, and {whole}"
        case "comparison":
            return f"an equal candidate would pass after {(metric.passes_after_seconds or 0) / 3600:,.1f} hours, and {whole}"
        case "reading":
            return f"it is read every {metric.passes_after_seconds:,.0f} s, and {whole}"
        case _:
            return f"fewer than {step.min_samples} units of the candidate tell it, and {whole}"


def _too_few(step: StepPlan, reached: float | None) -> Refusal:
    hours = "never" if reached is None else f"after {reached / 3600:,.1f} hours"
    return Refusal(
        code="never_enough_samples",
        where=_name(step),
        sentence=(
            f"it needs {step.min_samples} units of the candidate and gets about {_most(step):,.3g}, every extension "
            f"included; it would have them {hours}"
        ),
        remedy="raise its share or soak, lower analysis.min_samples, or choose assignment.unit: request",
    )


def _most(step: StepPlan) -> float:
    """Units of the candidate in all the time the step may take."""
    return step.candidate_units / step.seconds * step.longest_seconds if step.seconds else 0.0


def _name(step: StepPlan) -> str:
    return f"step {step.number} ({step.kind} {step.share or step.mirrored:.4g})"
