"""What a plan rests on without knowing it, and what it can not decide."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.delivery.planning.expected import Expectation
from tidegate.delivery.planning.forecast import Forecast
from tidegate.delivery.planning.metric_plans import LONGEST
from tidegate.delivery.planning.planned import StepPlan
from tidegate.delivery.release_spec import GuardrailSpec


def assumptions(
    guardrails: Sequence[GuardrailSpec], segments: Sequence[str], expected: Expectation, traffic: Forecast
) -> list[str]:
    """A sentence for each number that does not come from enough history."""
    found = []
    if traffic.source == "assumed":
        found.append(f"traffic is assumed: {traffic.mean:,.0f} requests an hour at all hours")
    if traffic.source == "history" and traffic.hours < 72:
        found.append(
            f"traffic rests on {traffic.hours} hour{'' if traffic.hours == 1 else 's'} of history and is taken to be the same at all hours"
        )
    elsewhere = {guardrail.metric for guardrail in guardrails if guardrail.source is not None}
    words = {"assumed": "is assumed", "default": "is a plain default, for want of history"}
    for name in dict.fromkeys(guardrail.metric for guardrail in guardrails):
        known = expected.metrics.get(name)
        if name in elsewhere:
            found.append(f"{name} comes from elsewhere: when it is read is planned, and not what it will be")
        elif known is None:
            continue
        elif (source := known.source) in words:
            found.append(f"{name} {words[source]}")
    found += [
        f"nobody knows how much of the traffic is of segment {segment}; all of it is reckoned with "
        f"(assume: {{segments: {{{segment}: 10%}}}})"
        for segment in dict.fromkeys(segments)
        if segment not in expected.segments
    ]
    tokens = expected.metrics["output_tokens"].source
    if tokens != "history":
        found.append(f"tokens and money {words[tokens]}")
    return found


def undecided_metrics(steps: Sequence[StepPlan], power: float) -> list[str]:
    """A sentence for each metric that cannot pass in time, or whose harm would not be found with that power."""
    found = []
    for step in steps:
        where = f"step {step.number} ({step.kind} {step.share:.4g})" if step.kind != "bake" else "the bake"
        for metric in step.metrics:
            is_kept = metric.condition == "comparison" or (
                metric.condition == "objective" and metric.margin is not None
            )
            if is_kept and not metric.can_pass and metric.is_required:
                needs = metric.passes_after_requests
                more = (
                    f"needs {needs:,.0f} requests"
                    if needs is not None
                    else f"needs more than {step.requests * LONGEST:,.0f}"
                )
                found.append(f"{metric.metric} in {where}: an equal candidate {more}, and {step.requests:,.0f} come")
            if metric.condition not in {"rule", "reading"} and metric.kind != "share" and metric.detectable is None:
                what = "improvement" if metric.condition == "objective" else "harm"
                found.append(f"{metric.metric} in {where}: no {what} is found with {power:.0%} probability")
    return found
