"""Where an experiment stands: every objective of every arm, and who wins by them.

Alpha is shared equally over the arms it began with and their objectives (Bonferroni), for each bound: a false winner
among all of them is then as rare as ``alpha`` says, however often anybody looks, and so is a false loser. The first objective chooses: an
arm wins that is surely better, or, where the objective has a margin, surely no worse by more than it. The others veto:
one with a margin must surely keep it, one without must not be surely worse.

Of a bandit the first objective is its reward, and alpha is shared over all pairs of variants
(:mod:`~tidegate.delivery.experiments.bandit.evidence`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.reasons import MISMATCH
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.bandit.evidence import pair_alpha, reward_effect, rule_of
from tidegate.delivery.experiments.effects import ArmEffect, EffectStanding, arm_effect, margin
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE, Experiment, ReleaseState
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT

_FINE = frozenset({EffectStanding.BETTER, EffectStanding.NO_WORSE})


def standings(
    spec: ReleaseSpec, state: ReleaseState, counts: Sequence[StepCounts] | None, least: int
) -> tuple[ArmEffect, ...]:
    """Every objective of every arm, arms in their order; empty when nothing is known.

    Args:
        counts: of the release; those of its experiment's step are read.
        least: units that each side needs.
    """
    experiment = state.experiment
    if experiment is None or counts is None:
        return ()
    is_bandit, alpha = rule_of(spec, experiment) is not None, shared_alpha(spec, state)
    thresholds = {threshold.metric: threshold for threshold in experiment.thresholds}
    found = []
    for arm in state.arms:
        if is_bandit:
            found.append(reward_effect(spec, state, counts, arm, STABLE, least))
        rounds = rounds_of(state, experiment, arm, counts)
        for objective in spec.objectives[1 if is_bandit else 0 :]:
            threshold = thresholds.get(metric_name(objective))
            found.append(arm_effect(objective, arm, rounds, alpha=alpha, least=least, threshold=threshold))
    return tuple(found)


def shared_alpha(spec: ReleaseSpec, state: ReleaseState) -> float:
    """The level of each bound: all lower ones together miss with probability ``alpha`` at most, and all upper ones."""
    if state.experiment is not None and rule_of(spec, state.experiment) is not None:
        return pair_alpha(spec, state)
    return spec.analysis.alpha / (len(state.arms) * len(spec.objectives))


def rounds_of(state: ReleaseState, experiment: Experiment, arm: str, counts: Sequence[StepCounts]) -> list[Round]:
    """An arm and control, round by round."""
    known = {
        (each.round, each.variant): each
        for each in counts
        if (each.attempt, each.step) == (state.attempt, experiment.step)
    }
    found = []
    for number, shares in enumerate(experiment.shares):
        own, control = shares.get(arm, 0), TOTAL_WEIGHT - sum(shares.values())
        if own and control:
            seen = (known.get((number, variant)) for variant in (arm, STABLE))
            of_arm, of_control = (each.compared if each else Summary() for each in seen)
            found.append(Round(own / (own + control), of_arm, of_control, number))
    return found


def winner(spec: ReleaseSpec, state: ReleaseState, effects: Sequence[ArmEffect]) -> str | None:
    """The arm that wins; of several the one that leads. ``None`` while there is none, or while a sample-ratio mismatch
    makes every comparison void."""
    if is_void(state):
        return None
    winning = [arm for arm in state.on_trial if _wins(spec.objectives, _of(effects, arm))]
    return leader(effects, winning)


def leader(effects: Sequence[ArmEffect], among: Sequence[str]) -> str | None:
    """The arm of ``among`` whose first objective looks best; a single one leads unseen, of several whose effects are
    unknown none does."""
    if len(among) == 1:
        return among[0]
    first = {arm: own[0] for arm in among if (own := _of(effects, arm)) and own[0].effect is not None}
    return max(first, key=lambda arm: _gain(first[arm]), default=None)


def is_lost(effects: Sequence[ArmEffect], state: ReleaseState) -> bool:
    """Whether every arm that is left is surely worse than control in the first objective."""
    left = [_of(effects, arm) for arm in state.on_trial]
    return not is_void(state) and bool(left) and all(own and own[0].standing is EffectStanding.WORSE for own in left)


def is_void(state: ReleaseState) -> bool:
    """Whether the arms did not get the units they should have."""
    return any(verdict.code == MISMATCH for verdict in state.verdicts)


def _of(effects: Sequence[ArmEffect], arm: str) -> list[ArmEffect]:
    return [effect for effect in effects if effect.variant == arm]


def _wins(objectives: Sequence[GuardrailSpec], own: Sequence[ArmEffect]) -> bool:
    if not own:
        return False
    kept = [_keeps(objective, effect) for objective, effect in zip(objectives, own, strict=True)]
    is_better = own[0].standing is EffectStanding.BETTER or margin(objectives[0]) is not None
    return is_better and all(kept)


def _keeps(objective: GuardrailSpec, effect: ArmEffect) -> bool:
    return effect.standing in _FINE or (effect.standing is EffectStanding.UNDECIDED and margin(objective) is None)


def _gain(effect: ArmEffect) -> float:
    value = effect.effect if effect.effect is not None else 0.0
    return value if effect.better == "higher" else -value
