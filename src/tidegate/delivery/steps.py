"""The steps that programs are made of.

``deploy``, ``gate`` and ``probe`` come before every program and are the phases pending and gating; what is here
happens to traffic. A further step kind is a struct here and its meaning in :mod:`tidegate.delivery.decide_steps`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.quantities import Seconds


class Split(msgspec.Struct, frozen=True, kw_only=True, tag="split", tag_field="kind"):
    """Give the candidate ``weight`` basis points of the units, watch it for ``soak``, then judge.

    Attributes:
        audience: only units of this segment; everybody else keeps what the steps before gave them.
        require: metrics that must pass; ``None`` means every one.
        mirroring: copies of stable's requests beside it; their pairs can fail the step, but it waits for none.
    """

    weight: int
    soak: Seconds
    audience: str | None = None
    require: tuple[str, ...] | None = None
    mirroring: Mirroring | None = None


class Mirror(msgspec.Struct, frozen=True, kw_only=True, tag="mirror", tag_field="kind"):
    """Copy requests to the candidate for ``soak``, then judge the pairs of answers; the weights stay as they are.

    Attributes:
        require: metrics that must pass; ``None`` means every one that pairs can decide.
    """

    mirroring: Mirroring
    soak: Seconds
    require: tuple[str, ...] | None = None


class Approve(msgspec.Struct, frozen=True, kw_only=True, tag="approve", tag_field="kind"):
    """Wait for a person of ``role``, with the weights of the step before."""

    role: str
    timeout: Seconds
    on_timeout: Literal["rollback", "pause"] = "rollback"


class Decide(msgspec.Struct, frozen=True, kw_only=True, tag="decide", tag_field="kind"):
    """Hold a split over several arms until the evidence chooses one of them, or stable, or time is up.

    Attributes:
        weights: arm -> basis points; stable, which is control, has the rest.
        horizon: when it ends at the latest.
        audience: only units of this segment.
        promotes: whether a winner is promoted; else it ends with stable whatever came out.
        is_sequential: whether it ends as soon as the evidence decides.
        reweighting: how the weights follow what is learnt; ``None`` holds them.
    """

    weights: dict[str, int]
    horizon: Seconds
    audience: str | None = None
    promotes: bool = True
    is_sequential: bool = True
    reweighting: Reweighting | None = None


class Interleave(msgspec.Struct, frozen=True, kw_only=True, tag="interleave", tag_field="kind"):
    """Have both versions answer within one conversation until the votes on their answers decide, or time is up.

    Attributes:
        mode: both answers to one request are shown, turns alternate, or a judge compares copies.
        question: whose votes decide, ``feedback:NAME`` or ``judge:NAME``.
        mirroring: second answers to requests that stable answers; ``None`` where turns alternate.
        horizon: when it ends at the latest.
        promotes: whether a preferred candidate is promoted; else it ends with stable whatever came out.
        is_sequential: whether it ends as soon as the votes decide.
    """

    mode: Literal["side_by_side", "turn", "judged"]
    question: str
    horizon: Seconds
    mirroring: Mirroring | None = None
    promotes: bool = True
    is_sequential: bool = True


TrafficStep = Split | Mirror | Approve | Decide | Interleave
OWN_LAYER = "*"  # a salt of its own for each release


class Promote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The end of every program: all traffic to the candidate, then the commit.

    Attributes:
        bake: how long the candidate serves everything before it becomes stable.
        keep_warm: how long the old version stays ready after that, for an instant way back.
        drain: how long requests under way may take to end, the old version's after that and the
            candidate's in a rollback.
    """

    bake: Seconds = Seconds(30)
    keep_warm: Seconds = Seconds(0)
    drain: Seconds = Seconds(300)


class Criteria(msgspec.Struct, frozen=True, kw_only=True):
    """How a step is judged, unless the release says otherwise; attributes as of :class:`Program`."""

    min_samples: int
    on_no_data: Literal["promote", "extend", "pause", "rollback"]
    interval: Seconds


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy, or a chain of them, compiles to.

    Attributes:
        steps: traffic steps; ``ReleaseState.step`` counts them, and is ``len(steps)`` in promoting.
        promote: the end.
        min_samples: judged requests a step needs, unless the release says otherwise.
        on_no_data: what a step without data does, unless the release says otherwise.
        interval: how often guardrails are judged, unless the release says otherwise.
        needs_stable: whether it only works beside a stable version.
        warm_up: requests sent to the candidate before any user, beside the probes.
        finishes: the release ends after the last step, without a promotion.
        criteria: of each step of a chain; empty where all steps share those above.
        layer: further salt of the assignment, so that an experiment's arms have nothing to do with earlier ones;
            :data:`OWN_LAYER` means the release's own.
    """

    steps: tuple[TrafficStep, ...]
    promote: Promote
    min_samples: int
    on_no_data: Literal["promote", "extend", "pause", "rollback"]
    interval: Seconds
    needs_stable: bool
    warm_up: int = 0
    finishes: bool = False
    criteria: tuple[Criteria, ...] = ()
    layer: str = ""

    def step_at(self, step: int) -> TrafficStep | None:
        """Traffic step ``step``; ``None`` after the last one."""
        return self.steps[step] if step < len(self.steps) else None

    @property
    def is_experiment(self) -> bool:
        """Whether it decides between arms, by objectives of which the first chooses."""
        return any(isinstance(step, Decide | Interleave) for step in self.steps)

    def criteria_at(self, step: int) -> Criteria:
        """How step ``step`` is judged, or promoting after the last one."""
        if step < len(self.criteria):
            return self.criteria[step]
        return Criteria(min_samples=self.min_samples, on_no_data=self.on_no_data, interval=self.interval)

    def soak_at(self, step: int) -> float:
        """Seconds that step ``step`` is watched, or the bake after the last one."""
        found = self.step_at(step)
        if isinstance(found, Decide | Interleave):
            return found.horizon
        return found.soak if isinstance(found, Split | Mirror) else self.promote.bake

    def required_at(self, step: int) -> tuple[str, ...] | None:
        """Metrics whose pass step ``step`` needs; ``None`` means every one."""
        found = self.step_at(step)
        return found.require if isinstance(found, Split | Mirror) else None

    def is_final(self, step: int) -> bool:
        """Whether step ``step`` is the last that judges users' answers beside stable; without any it is the bake."""
        judging = [index for index, each in enumerate(self.steps) if not isinstance(each, Approve)]
        return step == max(judging, default=len(self.steps))

    @property
    def judgings(self) -> int:
        """How many times it is judged anew: each split, each mirror or else the votes, and the bake. They share alpha."""
        splits = sum(map(randomises, self.steps))
        pairs = sum(getattr(step, "mirroring", None) is not None or _alternates(step) for step in self.steps)
        return splits + pairs + (not self.finishes)

    @property
    def planned(self) -> float:
        """Seconds from its first step to its end when nothing is extended and nobody is slow to approve."""
        lengths = (
            step.timeout if isinstance(step, Approve) else self.soak_at(index) for index, step in enumerate(self.steps)
        )
        return sum(lengths) + (0.0 if self.finishes else self.promote.bake)


def randomises(step: TrafficStep) -> bool:
    """Whether chance decides which version answers a unit, or its turns."""
    return isinstance(step, Split | Decide) or _alternates(step)


def _alternates(step: TrafficStep) -> bool:
    return isinstance(step, Interleave) and step.mirroring is None


def is_of_pairs(step: TrafficStep | None) -> bool:
    """Whether pairs of answers to the same requests are the only samples of ``step``."""
    return isinstance(step, Mirror) or (isinstance(step, Interleave) and step.mirroring is not None)
