"""A plan as people read it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.wording import UNKNOWN, duration
from tidegate.delivery.planning.planned import Exposure, MetricPlan, Plan, Planned, Proposal, Refusal, StepPlan


def planned_lines(planned: Planned) -> list[Cell]:
    """The whole answer: what it rests on, the timeline, what each step decides, exposure, what remains open."""
    plan = planned.plan
    lines: list[Cell] = [Text(f"{plan.version} by {plan.strategy}", style="bold"), *_grounds(plan), ""]
    lines += _timeline(plan)
    lines += ["", *_metrics(plan)] if any(step.metrics for step in plan.steps) else []
    lines += ["", f"planned: {_exposure(plan.planned)}", f"worst case: {_exposure(plan.worst)}"]
    if plan.undecided:
        lines += ["", Text("Not decided in the planned time:", style="yellow")]
        lines += [f"  {sentence}" for sentence in plan.undecided]
    if planned.proposal is not None:
        lines += ["", *_proposal(planned.proposal)]
    return lines


def refusal_sentence(refusals: Sequence[Refusal]) -> str:
    """One sentence: what, where, how to mend it; of several the first, and how many more there are."""
    first, *others = refusals
    more = f" ({len(others)} more like it)" if others else ""
    return f"{first.where}: {first.sentence}{more}; {first.remedy}"


def _grounds(plan: Plan) -> list[Cell]:
    hours = f"{plan.forecast_hours} hour{'' if plan.forecast_hours == 1 else 's'}"
    traffic = {
        "history": f"{plan.requests_per_hour:,.0f} requests an hour ({hours} of history)",
        "assumed": f"{plan.requests_per_hour:,.0f} requests an hour (assumed)",
        "none": "traffic unknown",
    }[plan.traffic]
    alike = "" if plan.correlation is None else f", correlation {plan.correlation:.2f}"
    units = f"{plan.requests_per_unit:.3g} requests a unit{alike}"
    lines: list[Cell] = [
        f"{traffic}, {units}; baseline of {plan.samples:,} units; alpha {plan.alpha:.3g}, power {plan.power:.0%}"
    ]
    return lines + [Text(f"! {sentence}", style="yellow") for sentence in plan.assumptions]


def _timeline(plan: Plan) -> list[Text]:
    titles = ["step", "candidate", "soak", "longest", "requests", "of candidate", "units", "min_samples after"]
    rows: list[list[Cell]] = [_step(step) for step in plan.steps]
    return table(titles, rows, numbers=set(range(1, 8)))


def _step(step: StepPlan) -> list[Cell]:
    share = f"{step.share:.4g}" if not step.mirrored else f"{step.share:.4g} + {step.mirrored:.4g} mirrored"
    return [
        f"{step.number} {step.kind}",
        share if step.kind == "mirror" else f"{step.share * 100:g} %",
        duration(step.seconds),
        duration(step.longest_seconds),
        f"{step.requests:,.0f}",
        f"{step.candidate_requests:,.0f}",
        f"{step.candidate_units:,.0f}",
        duration(step.reached_after_seconds),
    ]


def _metrics(plan: Plan) -> list[Text]:
    titles = ["step", "metric", "expected", "tolerated", "smallest difference found", "equal one passes after", ""]
    rows: list[list[Cell]] = [
        [f"{step.number} {step.kind}", *_metric(metric)] for step in plan.steps for metric in step.metrics
    ]
    return table(titles, rows, numbers={2, 3, 4, 5})


def _metric(metric: MetricPlan) -> list[Cell]:
    expected = UNKNOWN if metric.expected is None else f"{metric.expected:.4g}"
    margin = UNKNOWN if metric.margin is None else _change(metric.margin, metric.kind)
    harm = _change(metric.detectable, metric.kind) if metric.detectable is not None else "none"
    after = UNKNOWN
    if metric.condition == "objective":
        harm = "none" if metric.detectable is None else f"{harm} better"
    if metric.condition == "comparison" or (metric.condition == "objective" and metric.margin is not None):
        needs = metric.passes_after_requests
        after = "never" if needs is None else f"{needs:,.0f} ({duration(metric.passes_after_seconds)})"
    if metric.condition in {"rule", "reading"}:
        harm = UNKNOWN
    if metric.condition == "reading":
        after = f"read every {duration(metric.passes_after_seconds)}"
    mark = Text("✔", style="green") if metric.can_pass else Text("○ not in time", style="yellow")
    return [f"{metric.metric} {metric.condition}", expected, margin, harm, after, mark]


def _change(value: float, kind: str) -> str:
    if kind == "share":
        return f"{value * 100:.3g} % of requests"
    return f"{value * 100:+.3g} points" if kind == "points" else f"{value * 100:+.3g} %"


def _exposure(exposure: Exposure) -> str:
    copies = f" and {exposure.copies:,.0f} copies" if exposure.copies else ""
    money = f"{exposure.cost_usd:,.2f} USD" if math.isfinite(exposure.cost_usd) else UNKNOWN
    return (
        f"{exposure.requests:,.0f} requests{copies} served by the candidate, {exposure.tokens:,.0f} tokens, {money}, "
        f"in {duration(exposure.seconds)}"
    )


def _proposal(proposal: Proposal) -> list[Cell]:
    head = f"To find {proposal.target} with {proposal.confidence:.0%} confidence and {proposal.power:.0%} power:"
    needs = (
        f"  {proposal.fixed_requests:,.0f} requests for one look; watched all the time {proposal.expected_requests:,.0f} "
        f"on average and {proposal.cap_requests:,.0f} at most"
    )
    lines: list[Cell] = [Text(head, style="bold"), needs]
    lines += [f"  split {step.share * 100:g} % for {duration(step.soak_seconds)}" for step in proposal.steps]
    lines.append(f"  {duration(proposal.seconds)} in all")
    if not proposal.fits:
        found = proposal.detectable_within
        other = "nothing" if found is None else f"{found * 100:+.3g} % at best"
        lines.append(Text(f"  that is longer than asked for; in the time there is it finds {other}", style="yellow"))
    return lines
