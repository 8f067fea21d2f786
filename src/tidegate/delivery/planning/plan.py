"""The plan of a release: per step what it takes, whom it reaches, and when it has seen enough.

A step may be extended as often as the release allows, and that is the worst case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.delivery.planning.caveats import assumptions, undecided_metrics
from tidegate.delivery.planning.expected import Expectation
from tidegate.delivery.planning.forecast import Forecast
from tidegate.delivery.planning.metric_plans import finite, metric_plans
from tidegate.delivery.planning.objectives import Within, objective_plans
from tidegate.delivery.planning.planned import Exposure, MetricPlan, Plan, StepPlan
from tidegate.delivery.planning.refusing import refusals
from tidegate.delivery.planning.votes import votes_sentence
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.steps import Approve, Decide, Interleave, Mirror, Program, Split, TrafficStep
from tidegate.delivery.strategy import compile_program, strategy_name
from tidegate.errors import InvalidInputError

WHOLE = 10_000


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
    _refuse_what_depends_on_answers(spec, program, power)
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
        assumptions=tuple(assumptions((*spec.guardrails, *spec.objectives), segments, expected, traffic)),
        steps=tuple(steps),
        planned=_exposure(steps, expected, traffic, start, is_worst=False),
        worst=_exposure(steps, expected, traffic, start, is_worst=True),
        undecided=tuple(undecided_metrics(steps, power)) if traffic.mean else (),
        refusals=tuple(refusals(spec, steps, expected, traffic)),
    )


def _refuse_what_depends_on_answers(spec: ReleaseSpec, program: Program, power: float) -> None:
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
        metrics = tuple(metric_plans(spec, program, index, expected, traffic, clock, share, units, least, power))
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
    watched = metric_plans(
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
        reached_after_seconds=finite(reached),
        metrics=(
            *objective_plans(spec.objectives, expected, within, lambda needed: traffic.seconds_for(needed, clock)),
            *watched,
        ),
    )


def _part(step: TrafficStep | None, expected: Expectation) -> float:
    """Share of the service's units that a step is about: all of them, or those of its segment."""
    audience = step.audience if isinstance(step, Split | Decide) else None
    return max(1e-9, expected.segments.get(audience, 1.0)) if audience is not None else 1.0


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
