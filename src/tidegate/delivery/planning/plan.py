"""The plan of a release: per step and metric what it takes, what it can find, and what it can not.

Each step is judged by its own counts at its part of alpha, exactly as :mod:`~tidegate.delivery.decide_evidence` will
judge it; a step may be extended as often as the release allows, and that is the worst case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from tidegate.delivery.evidence.metrics import Quantity, Rate, metric_name, metric_of
from tidegate.delivery.planning.expectation import Expectation, ExpectedMean, ExpectedRate
from tidegate.delivery.planning.forecast import Forecast
from tidegate.delivery.planning.objectives import Within, objective_plans
from tidegate.delivery.planning.planned import Exposure, MetricPlan, Plan, StepPlan
from tidegate.delivery.planning.power import power_curve, question, smallest_breach, smallest_change
from tidegate.delivery.planning.refusing import refusals
from tidegate.delivery.planning.votes import votes_sentence
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.steps import Approve, Decide, Interleave, Mirror, Program, Split, TrafficStep
from tidegate.delivery.strategy import compile_program, strategy_name
from tidegate.errors import InvalidInputError

WHOLE = 10_000
LONGEST = 50.0  # times a step's units: how far ahead it is reckoned when an equal candidate would pass


def make_plan(spec: ReleaseSpec, expected: Expectation, traffic: Forecast, *, start: float, power: float = 0.8) -> Plan:
    """The whole plan.

    Args:
        spec: of the release.
        expected: of stable.
        traffic: of the service.
        start: of the release, seconds of the day (UTC).
        power: with which a detectable harm is found.

    Raises:
        InvalidInputError: what the release takes depends on what comes out: a bandit or an interleaving.
    """
    program = compile_program(spec.strategy)
    if any(isinstance(step, Interleave) for step in program.steps):
        raise InvalidInputError(
            "an interleaving is decided by votes, and no history tells how many people will vote: "
            f"{votes_sentence(spec.analysis.alpha, power)}",
            code="not_available_yet",
            remedy="compare that with the conversations that can vote until its horizon; ties come on top",
        )
    if any(getattr(step, "reweighting", None) is not None for step in program.steps):
        raise InvalidInputError(
            f"what {strategy_name(spec.strategy)} gives to whom depends on what comes out, so it cannot be reckoned ahead",
            code="not_available_yet",
            remedy="plan an A/B test of the same arms; `tidegate results` tells how the experiment stands",
        )
    steps, clock, share = [], start, 0.0
    segments = [step.audience for step in program.steps if isinstance(step, Split | Decide) and step.audience]
    for index in range(len(program.steps) + (not program.finishes)):
        made = _step(spec, program, index, expected, traffic, clock, share, power)
        steps.append(made)
        clock, share = clock + made.seconds, made.share * made.part
    return Plan(
        service=spec.service,
        version=spec.version,
        strategy=strategy_name(spec.strategy),
        alpha=spec.analysis.alpha,
        power=power,
        samples=expected.samples,
        requests_per_hour=traffic.mean,
        traffic=traffic.source,
        forecast_hours=traffic.hours,
        requests_per_unit=expected.requests_per_unit,
        correlation=expected.correlation,
        design_effect=_design_effect(expected),
        assumptions=tuple(_assumptions((*spec.guardrails, *spec.objectives), segments, expected, traffic)),
        steps=tuple(steps),
        planned=_exposure(steps, expected, traffic, start, is_worst=False),
        worst=_exposure(steps, expected, traffic, start, is_worst=True),
        undecided=tuple(_undecided(steps, power)) if traffic.mean else (),
        refusals=tuple(refusals(spec, steps, expected, traffic)),
    )


def _step(
    spec: ReleaseSpec,
    program: Program,
    index: int,
    expected: Expectation,
    traffic: Forecast,
    clock: float,
    held: float,
    power: float,
) -> StepPlan:
    found = program.steps[index] if index < len(program.steps) else None
    if isinstance(found, Decide):
        return _decide_step(spec, program, index, found, expected, traffic, clock, power)
    kind = "bake" if found is None else str(found.__struct_config__.tag)
    share = 1.0 if found is None else found.weight / WHOLE if isinstance(found, Split) else held
    seconds = float(found.timeout if isinstance(found, Approve) else program.soak_at(index))
    mirroring = getattr(found, "mirroring", None)
    mirrored = mirroring.share / WHOLE if mirroring is not None else 0.0
    own = spec.analysis.min_samples
    least = program.criteria_at(index).min_samples if own is None else own
    part = _part(found, expected)
    traffic = traffic.of(part)
    requests = traffic.requests(clock, seconds)
    units = requests / expected.requests_per_unit
    judged = mirrored if isinstance(found, Mirror) else share
    candidate_units = units * judged
    longest = seconds if isinstance(found, Approve) else seconds * (1 + _extensions(spec))
    needed = least * expected.requests_per_unit / judged if judged else math.inf
    reached = traffic.seconds_for(needed, clock)
    metrics: tuple[MetricPlan, ...] = ()
    if isinstance(found, Split) or found is None:
        metrics = tuple(_metrics(spec, program, index, expected, traffic, clock, share, units, least, power))
    return StepPlan(
        number=index + 1,
        kind=kind,
        part=part,
        share=share,
        mirrored=mirrored,
        seconds=seconds,
        longest_seconds=longest,
        requests=requests,
        candidate_requests=requests * (share + (1 - share) * mirrored),
        units=units,
        candidate_units=candidate_units,
        min_samples=least,
        reached_after_seconds=reached if math.isfinite(reached) else None,
        metrics=metrics,
    )


def _decide_step(
    spec: ReleaseSpec,
    program: Program,
    index: int,
    found: Decide,
    expected: Expectation,
    traffic: Forecast,
    clock: float,
    power: float,
) -> StepPlan:
    """An A/B test, told of its smallest arm: what that can find against control by the horizon."""
    own, seconds, arms = spec.analysis.min_samples, float(found.horizon), len(found.weights)
    least = program.criteria_at(index).min_samples if own is None else own
    smallest, control = min(found.weights.values()) / WHOLE, 1 - sum(found.weights.values()) / WHOLE
    part = _part(found, expected)
    traffic = traffic.of(part)
    requests, both = traffic.requests(clock, seconds), smallest + control
    units = requests / expected.requests_per_unit
    reached = traffic.seconds_for(least * expected.requests_per_unit / min(smallest, control), clock)
    within = Within(
        share=smallest / both,
        units=units * both,
        least=least,
        power=power,
        alpha=spec.analysis.alpha / (arms * max(1, len(spec.objectives))),
        requests_per_unit=expected.requests_per_unit / both,
    )
    watched = _metrics(
        spec, program, index, expected, traffic, clock, within.share, within.units, least, power, arms=arms
    )
    return StepPlan(
        number=index + 1,
        kind="decide",
        part=part,
        share=1 - control,
        mirrored=0.0,
        seconds=seconds,
        longest_seconds=seconds,
        requests=requests,
        candidate_requests=requests * (1 - control),
        units=units,
        candidate_units=units * smallest,
        min_samples=least,
        reached_after_seconds=_finite(reached),
        metrics=(
            *objective_plans(spec.objectives, expected, within, lambda needed: traffic.seconds_for(needed, clock)),
            *watched,
        ),
    )


def _part(step: TrafficStep | None, expected: Expectation) -> float:
    """Share of the service's units that a step is about: all of them, or those of its segment."""
    audience = step.audience if isinstance(step, Split | Decide) else None
    return max(1e-9, expected.segments.get(audience, 1.0)) if audience is not None else 1.0


def _metrics(
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
            change = smallest_change(asked, units, power)
            after = asked.passes(max(units, 100.0) * LONGEST).needed(power) * expected.requests_per_unit
            fixed = asked.fixed(change, power) * expected.requests_per_unit if math.isfinite(change) else math.inf
            row = _row(guardrail, expected, "comparison", asked.kind, asked.margin, change, is_required=is_required)
            found.append(
                msgspec.structs.replace(
                    row,
                    curve=power_curve(asked, units, change),
                    fixed_requests=_finite(fixed),
                    passes_after_requests=_finite(after),
                    passes_after_seconds=_finite(traffic.seconds_for(after, clock)),
                    can_pass=after <= units * expected.requests_per_unit,
                )
            )
        if guardrail.rule is not None and (0 < share < 1 or not guardrail.needs_stable):
            found.append(_row(guardrail, expected, "rule", "rule", None, None, is_required=is_required))
    return found


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
    known, metric = expected.metrics[guardrail.metric], metric_of(guardrail).reading
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
        expected=_finite(value),
        source=known.source,
        kind=kind,
        margin=margin,
        detectable=_finite(detectable),
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


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _extensions(spec: ReleaseSpec) -> int:
    analysis = spec.analysis
    is_extended = analysis.on_inconclusive == "extend" or analysis.on_no_data == "extend"
    return analysis.max_extensions if is_extended else 0


def _exposure(
    steps: Sequence[StepPlan], expected: Expectation, traffic: Forecast, start: float, *, is_worst: bool
) -> Exposure:
    clock, served, copies = start, 0.0, 0.0
    for step in steps:
        seconds = step.longest_seconds if is_worst else step.seconds
        requests = traffic.requests(clock, seconds) * step.part
        served += requests * step.share
        copies += requests * (1 - step.share) * step.mirrored
        clock += seconds
    both = served + copies
    return Exposure(
        requests=served,
        copies=copies,
        tokens=both * (expected.input_tokens + expected.output_tokens),
        cost_usd=both * expected.cost_usd,
        seconds=clock - start,
    )


def _design_effect(expected: Expectation) -> float | None:
    if expected.correlation is None:
        return None
    return 1 + (expected.requests_per_unit - 1) * max(0.0, expected.correlation)


def _assumptions(
    guardrails: Sequence[GuardrailSpec], segments: Sequence[str], expected: Expectation, traffic: Forecast
) -> list[str]:
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


def _undecided(steps: Sequence[StepPlan], power: float) -> list[str]:
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
