"""Effects in the public shape: those that decide, and those of what guardrails watch."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.delivery.evidence.measures import Quotient
from tidegate.delivery.evidence.metrics import Harm, metric_name, metric_of
from tidegate.delivery.experiments.effects import ArmEffect, arm_effect
from tidegate.delivery.experiments.progress import Experiment
from tidegate.delivery.experiments.standings import is_void, rounds_of
from tidegate.delivery.experiments.telling import effect_sentence, what_would_change
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import ReleaseState
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes import experiments as shapes


def told_effects(
    row: ReleaseRow, experiment: Experiment, counts: Sequence[StepCounts], effects: Sequence[ArmEffect], least: int
) -> tuple[shapes.ArmEffect, ...]:
    """Objectives in their order, each with its arms, then what guardrails watch.

    Args:
        effects: of the objectives, all of one arm and then of the next.
        least: units that each side needs.
    """
    objectives = row.spec.objectives
    found = [
        told(objective, effect, least, is_open=_is_open(row.state, effect.variant), is_void=is_void(row.state))
        for index, objective in enumerate(objectives)
        for effect in effects[index :: len(objectives)]
    ]
    for guardrail in watched(row.spec):
        for arm in row.state.arms:
            rounds = rounds_of(row.state, experiment, arm, counts)
            effect = arm_effect(guardrail, arm, rounds, alpha=row.spec.analysis.alpha, least=least)
            found.append(told(guardrail, effect, least, role="watched", is_void=is_void(row.state)))
    return tuple(found)


def _is_open(state: ReleaseState, arm: str) -> bool:
    experiment = state.experiment
    return arm in state.on_trial and experiment is not None and not experiment.outcome and not state.phase.is_terminal


def watched(spec: ReleaseSpec) -> list[GuardrailSpec]:
    """Guardrails whose metric is no objective and has an effect that can be shown, each metric once."""
    known = {metric_name(objective): None for objective in spec.objectives}
    found: dict[str, GuardrailSpec] = {}
    for guardrail in spec.guardrails:
        name = metric_name(guardrail)
        if guardrail.source is None and name not in known and not isinstance(metric_of(guardrail).measure, Quotient):
            found.setdefault(name, guardrail)
    return list(found.values())


def told(
    bound: GuardrailSpec,
    effect: ArmEffect,
    least: int,
    *,
    role: str = "objective",
    is_open: bool = True,
    is_void: bool = False,
) -> shapes.ArmEffect:
    """One effect in the public shape.

    Args:
        role: ``watched`` has no standing beyond its numbers.
        is_open: more units may still come to the arm.
    """
    is_neutral = metric_of(bound).harm is Harm.EITHER
    more = {
        "role": role,
        "unit": metric_of(bound).unit,
        "sentence": effect_sentence(bound, effect, least),
        "change": what_would_change(bound, effect) if is_open and not is_void and role == "objective" else "",
        "better": "neither" if is_neutral else effect.better,
        "standing": "void" if is_void else str(effect.standing),
        "probability": None if is_neutral else effect.probability,
    }
    return msgspec.convert(msgspec.structs.asdict(effect) | more, shapes.ArmEffect)
