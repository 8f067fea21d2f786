"""What a plan says, as pure structs: light enough for the client, which only shows them."""

from __future__ import annotations

from typing import Any

import msgspec


class MetricPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of one guardrail in one step.

    Attributes:
        metric: its name.
        condition: ``comparison``, ``hard``, ``rule``, ``reading`` of a number from elsewhere, or ``objective`` of an A/B
            test.
        expected: stable's value in the metric's own unit.
        source: of that: ``history``, ``assumed``, ``default`` or ``elsewhere``.
        kind: of the changes: ``points`` (parts of one), ``relative``, ``share`` above a hard limit, or none
            (``rule``, ``reading``).
        margin: what is tolerated.
        detectable: the smallest harm that the step finds with the plan's power, of an objective the smallest
            improvement with which the smallest arm wins by the horizon; ``None`` when it finds none.
        fixed_requests: a test at one look would need for that harm.
        passes_after_requests, passes_after_seconds: when an equal candidate has passed with the plan's power;
            ``None`` when it never does.
        can_pass: whether that lies within the step.
        is_required: whether the step waits for its pass.
        curve: (harm, probability of finding it) around ``detectable``, rising.
    """

    metric: str
    condition: str
    expected: float | None
    source: str
    kind: str
    margin: float | None
    detectable: float | None
    fixed_requests: float | None
    passes_after_requests: float | None
    passes_after_seconds: float | None
    can_pass: bool
    is_required: bool
    curve: tuple[tuple[float, float], ...] = ()


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One step; the last one is the bake.

    Attributes:
        number: from 1.
        kind: ``split``, ``mirror``, ``approve``, ``decide`` or ``bake``.
        part: of the service's units that the step is about, in parts of one: those of its segment.
        share: of the candidate among them, in parts of one.
        mirrored: part of stable's requests that are copied.
        seconds, longest_seconds: as planned, and with every extension.
        requests: of the service in that time.
        candidate_requests: that the candidate serves, copies among them.
        units, candidate_units: that count, each once; of an A/B test those of its smallest arm.
        min_samples: units that each arm needs.
        reached_after_seconds: when the candidate has them; ``None`` without traffic.
    """

    number: int
    kind: str
    part: float
    share: float
    mirrored: float
    seconds: float
    longest_seconds: float
    requests: float
    candidate_requests: float
    units: float
    candidate_units: float
    min_samples: int
    reached_after_seconds: float | None
    metrics: tuple[MetricPlan, ...]


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What the candidate serves before it is promoted or ended.

    Attributes:
        requests: of users; ``copies`` are mirrored ones.
        tokens: read and written for both.
        cost_usd: of both.
        seconds: from the first step to the end.
    """

    requests: float
    copies: float
    tokens: float
    cost_usd: float
    seconds: float


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Something the release can never decide: it would only ever wait.

    Attributes:
        code: stable.
        where: which step.
        sentence: what is wrong.
        remedy: how to mend it.
    """

    code: str
    where: str
    sentence: str
    remedy: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a release would take and could detect.

    Attributes:
        alpha: of a false rollback over the whole release; ``power`` of finding what is called detectable.
        samples: requests of history behind the baseline; ``forecast_hours`` of it behind the traffic.
        requests_per_hour: mean over a day; ``traffic`` says where it is from.
        requests_per_unit, correlation, design_effect: how alike the requests of a unit are.
        assumptions: what does not come from history, one sentence each.
        steps: the last one is the bake, unless the strategy ends without a promotion.
        planned, worst: everything on time, and every extension used.
        undecided: what will not be decided in the planned time, one sentence each.
        refusals: why it should not start.
    """

    service: str
    version: str
    strategy: str
    alpha: float
    power: float
    samples: int
    requests_per_hour: float
    traffic: str
    forecast_hours: int
    requests_per_unit: float
    correlation: float | None
    design_effect: float | None
    assumptions: tuple[str, ...]
    steps: tuple[StepPlan, ...]
    planned: Exposure
    worst: Exposure
    undecided: tuple[str, ...]
    refusals: tuple[Refusal, ...]

    @property
    def is_feasible(self) -> bool:
        """Whether nothing speaks against starting it."""
        return not self.refusals


class ProposedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a schedule: share in parts of one, soak in seconds, requests of the service in that time."""

    share: float
    soak_seconds: float
    requests: float


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that finds the target, or what can be found in the time there is.

    Attributes:
        target: as asked.
        confidence, power: 1 - alpha, and the probability of finding it.
        fixed_requests: at 50/50 with one look.
        expected_requests: until a sequential test stops, if the harm is there.
        cap_requests: with which it has found it with ``power``; twice the fixed number at most is usual.
        steps: the schedule.
        seconds: of all of them; ``None`` without traffic.
        fits: whether that is within the time asked for.
        detectable_within: the smallest change that is found in that time; ``None`` when none was given or nothing is.
        strategy: the schedule as ``strategy:`` of a release file.
    """

    target: str
    confidence: float
    power: float
    fixed_requests: float
    expected_requests: float
    cap_requests: float
    steps: tuple[ProposedStep, ...]
    seconds: float | None
    fits: bool
    detectable_within: float | None
    strategy: dict[str, Any]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request for a plan: of the release as declared, and a schedule if a target was given."""

    plan: Plan
    proposal: Proposal | None = None
