"""Where an experiment stands: arms, effects, and what follows from them.

A strategy that has more to tell than this adds a block of its own to :class:`tidegate.shapes.experiments.Results`,
built by a module beside this one and filled in at the end of :func:`experiment_results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import add
from typing import NamedTuple

import msgspec

from tidegate.controller.results.bandit import bandit_block
from tidegate.controller.results.declared import bounds_of, interventions_of, thresholds_of
from tidegate.controller.results.effects import told_effects
from tidegate.controller.results.preferences import (
    headline_of,
    result_of,
    sentences_of,
    sides_of,
    told_preferences,
)
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.effects import ArmEffect
from tidegate.delivery.experiments.preferences import PreferenceResult
from tidegate.delivery.experiments.standings import is_void, leader, shared_alpha, standings, winner
from tidegate.delivery.experiments.telling import outcome_sentence
from tidegate.delivery.experiments.variants import CONTROL
from tidegate.delivery.facts import StepCounts, StepPairs
from tidegate.delivery.release import STABLE, Experiment, Phase, ReleaseState
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Decide, Interleave, is_of_pairs
from tidegate.delivery.strategy import compile_program, strategy_name
from tidegate.errors import ConflictError, NotFoundError
from tidegate.registry.audit import AuditRow
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.experiments import ExperimentArm, Results
from tidegate.shapes.releases import MetricVerdict


class Trial(NamedTuple):
    """A release whose experiment has begun.

    Attributes:
        step: that decides.
        least: units that each side needs.
    """

    row: ReleaseRow
    experiment: Experiment
    step: Decide | Interleave
    least: int

    @property
    def audience(self) -> str | None:
        """Segment that takes part."""
        return self.step.audience if isinstance(self.step, Decide) else None

    @property
    def state(self) -> ReleaseState:
        """Of the release."""
        return self.row.state


def trial_of(row: ReleaseRow) -> Trial:
    """The experiment of a release.

    Raises:
        NotFoundError: the release has none.
        ConflictError: it has not begun in this attempt.
    """
    program, experiment = compile_program(row.spec.strategy), row.state.experiment
    if not program.is_experiment:
        raise NotFoundError(
            f"release {row.id} is no experiment", code="no_experiment", remedy="`tidegate explain` tells its evidence"
        )
    step = None if experiment is None else program.step_at(experiment.step)
    if experiment is None or not isinstance(step, Decide | Interleave):
        raise ConflictError(
            f"the experiment of release {row.id} has not begun ({row.state.phase})", code="experiment_not_begun"
        )
    least = row.spec.analysis.min_samples
    wanted = program.criteria_at(experiment.step).min_samples if least is None else least
    return Trial(row, experiment, step, wanted)


def experiment_results(
    row: ReleaseRow, counts: Sequence[StepCounts], events: Sequence[AuditRow], pairs: Sequence[StepPairs] = ()
) -> Results:
    """Everything there is to tell of a release's experiment.

    Args:
        events: audit rows of the release, in order.
        pairs: of the release, with the votes on them.

    Raises:
        NotFoundError: the release has no experiment.
        ConflictError: it has not begun in this attempt.
    """
    trial = trial_of(row)
    state, experiment, spec = trial.state, trial.experiment, row.spec
    voted = result_of(row, pairs)
    effects = standings(spec, state, counts, trial.least) if voted is None else ()
    ahead = winner(spec, state, effects) if voted is None else voted.variant if voted.is_chosen else None
    won = experiment.winner if experiment.outcome else ahead
    return Results(
        release=row.id,
        service=row.service,
        strategy=strategy_name(spec.strategy),
        attempt=state.attempt,
        phase=str(state.phase),
        unit=spec.assignment.unit or "user",
        audience=trial.audience,
        alpha=spec.analysis.alpha,
        shared_alpha=shared_alpha(spec, state),
        mode="promote_winner" if trial.step.promotes else "report_only",
        is_sequential=trial.step.is_sequential,
        began_at=_began_at(trial),
        horizon_seconds=float(trial.step.horizon),
        ends_at=state.soak_until if _is_under_way(trial) else None,
        ended_at=_ended_at(trial, events),
        is_void=is_void(state),
        outcome=experiment.outcome,
        winner=won,
        headline=_headline(trial, effects, won, voted),
        sentences=(*_sentences(trial, won), *(sentences_of(voted) if voted is not None else ())),
        arms=_arms(trial, counts, won, sides_of(row, pairs) if is_of_pairs(trial.step) else None),
        effects=()
        if is_of_pairs(trial.step)
        else told_effects(trial.row, trial.experiment, counts, effects, trial.least),
        guardrails=_guardrails(state),
        bounds=bounds_of(spec),
        thresholds=thresholds_of(events),
        interventions=interventions_of(events),
        preferences=None if voted is None else told_preferences(voted),
        bandit=bandit_block(row, counts, trial.least, is_under_way=_is_under_way(trial)),
    )


def _is_under_way(trial: Trial) -> bool:
    state = trial.state
    return state.phase is Phase.PROGRESSING and state.step == trial.experiment.step and not trial.experiment.outcome


def _began_at(trial: Trial) -> datetime:
    window = trial.state.windows.get(f"{trial.experiment.step}.0")
    return trial.experiment.round_at if window is None else window.opened_at


def _ended_at(trial: Trial, events: Sequence[AuditRow]) -> datetime | None:
    """When it was decided, or the release ended without."""
    if _is_under_way(trial):
        return None
    decided = [event.at for event in events if event.action == f"release.{trial.experiment.outcome}"]
    return decided[-1] if decided else trial.state.breach.at if trial.state.breach else trial.state.ended_at


def _headline(trial: Trial, effects: Sequence[ArmEffect], won: str | None, voted: PreferenceResult | None) -> str:
    state, experiment, chosen_by = trial.state, trial.experiment, trial.row.spec.objectives[0]
    first = [effect for effect in effects if effect is effects_of(effects, effect.variant)[0]]
    if not experiment.outcome and state.breach is not None:
        return f"It was ended before anybody won: {state.breach.sentence}"
    if voted is not None:
        return headline_of(voted, experiment.outcome)
    if experiment.outcome == "stable_kept" and state.breach is not None:
        return state.breach.sentence.rstrip(".")
    return outcome_sentence(
        experiment.outcome,
        won,
        first,
        chosen_by,
        is_void=is_void(state),
        leading=leader(effects, state.on_trial),
    )


def effects_of(effects: Sequence[ArmEffect], arm: str) -> list[ArmEffect]:
    """Those of one arm, the objective that chooses first."""
    return [effect for effect in effects if effect.variant == arm]


def _sentences(trial: Trial, won: str | None) -> Iterator[str]:
    state, step = trial.state, trial.step
    if not _is_under_way(trial):
        return
    if is_void(state):
        yield (
            "Somewhere units get lost, or reach a variant in another way than by its share; until that is found, no "
            "number here means anything. `tidegate resume` accepts the units counted so far."
        )
        return
    if not step.promotes:
        yield "Whatever comes out, stable stays: this experiment only reports."
    elif won is not None and step.is_sequential:
        also = (
            " and it is surely better than every other variant, too"
            if isinstance(step, Decide) and step.reweighting
            else ""
        )
        yield f"The next look promotes {won} through the bake, if no guardrail of it is in doubt{also}."
    elif step.is_sequential:
        yield "The first arm that is surely better wins; without one, stable stays at the end."
    else:
        yield "It goes on to its end whatever is known before; then the winner is promoted, or stable stays."
    if state.is_paused:
        yield f"It is paused ({', '.join(state.pause_reasons)}); guardrails still act."


def _arms(
    trial: Trial, counts: Sequence[StepCounts], won: str | None, sides: Mapping[str, Summary] | None
) -> tuple[ExperimentArm, ...]:
    """By what was assigned to each, or ``sides`` where both versions answer the same requests."""
    state, experiment = trial.state, trial.experiment
    own = [each for each in counts if (each.attempt, each.step) == (state.attempt, experiment.step)]
    versions = {STABLE: state.stable or "", **state.arms}
    totals = {name: _sum([each.total for each in own if each.variant == name]) for name in versions}
    totals = totals if sides is None else dict(sides)
    compared = {name: sum(each.compared.units for each in own if each.variant == name) for name in versions}
    weights, begun, everybody = _weights(trial), experiment.shares[0], sum(compared.values())
    return tuple(
        ExperimentArm(
            variant=CONTROL if variant == STABLE else variant,
            version=version,
            weight=weights.get(variant, 0),
            declared=begun.get(variant, TOTAL_WEIGHT - sum(begun.values()) if variant == STABLE else 0),
            requests=totals[variant].requests,
            units=totals[variant].units,
            compared=compared[variant],
            share=compared[variant] / everybody if everybody else None,
            failures=totals[variant].failures,
            cost_usd=totals[variant].cost.total / 1e9,
            is_winner=variant == won and bool(experiment.outcome),
            removed_at=state.removed[variant].at if variant in state.removed else None,
            removed_because=state.removed[variant].sentence if variant in state.removed else "",
        )
        for variant, version in versions.items()
    )


def _sum(summaries: Sequence[Summary]) -> Summary:
    return reduce(add, summaries, Summary())


def _weights(trial: Trial) -> dict[str, int]:
    """Basis points within the audience."""
    state, audience = trial.state, trial.audience
    if audience is None or audience not in state.targets:
        return state.weights
    targeted = state.targets[audience]
    return {STABLE: TOTAL_WEIGHT - sum(targeted.values()), **targeted}


def _guardrails(state: ReleaseState) -> tuple[MetricVerdict, ...]:
    return tuple(msgspec.convert(verdict, MetricVerdict, from_attributes=True) for verdict in state.verdicts)
