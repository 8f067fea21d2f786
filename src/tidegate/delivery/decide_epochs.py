"""New weights of a bandit: at its epochs, and only while everything is in order.

Weights change in a pass in which nothing else happens, when the present ones are in force at every gateway. Then they are one
more round: gateways say of each request which round it was drawn in, so counts of rounds never mix, and nothing has to be
verified before what follows is evidence. A pause, a freeze, a broken assignment or counts that cannot be read leave the weights
as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from tidegate.delivery.decide_removal import deciding
from tidegate.delivery.draft import Draft
from tidegate.delivery.experiments.bandit.allocation import SMALLEST_CHANGE, chances, limited, wanted
from tidegate.delivery.experiments.bandit.rewards import prediction, reward_of, sights
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.experiments.progress import Experiment, Learning
from tidegate.delivery.experiments.standings import is_void
from tidegate.delivery.release import STABLE, SubPhase
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Decide

_GRACE = timedelta(seconds=15)  # for gateways to take new weights before the release waits for them


def keep_epoch(draft: Draft) -> None:
    """Set the weights anew when an epoch is over."""
    step, experiment = deciding(draft), draft.state.experiment
    if step is None or step.reweighting is None or experiment is None or draft.state.sub_phase is not SubPhase.SOAKING:
        return
    _await_weights(draft, experiment)
    if _is_due(draft, experiment, step.reweighting):
        _set_anew(draft, step, experiment, step.reweighting)


def _await_weights(draft: Draft, experiment: Experiment) -> None:
    """Which routing every gateway must serve: the latest round's, once they do or have had time to."""
    state, facts = draft.state, draft.facts
    revision, known = facts.revision_written, (state.awaited_epoch or 0, state.awaited_revision or 0)
    if revision is None or draft.transitions or (facts.epoch, revision) <= known or not state.round:
        return
    if facts.is_acknowledged(facts.epoch, revision) or draft.now >= experiment.round_at + _GRACE:
        draft.change(awaited_epoch=facts.epoch, awaited_revision=revision)


def _is_due(draft: Draft, experiment: Experiment, rule: Reweighting) -> bool:
    state, facts = draft.state, draft.facts
    last = experiment.learning.epoch_at if experiment.learning else None
    opened = state.window_opened_at
    if opened is None or draft.now < max(opened, last or opened) + timedelta(seconds=rule.epoch):
        return False
    is_calm = not draft.transitions and not state.is_paused and not facts.is_frozen and not is_void(state)
    revision = facts.revision_written
    return (
        is_calm and facts.counts is not None and revision is not None and facts.is_acknowledged(facts.epoch, revision)
    )


def _set_anew(draft: Draft, step: Decide, experiment: Experiment, rule: Reweighting) -> None:
    state = draft.state
    reward = reward_of(draft.spec.objectives[0], rule.cost_weight)
    rounds = sights(experiment, state.attempt, draft.facts.counts or ())
    variants = (STABLE, *state.on_trial)
    wish, before = wanted(rule.algorithm, reward, variants, rounds), rounds[-1].shares
    points = limited(wish or _kept(before, variants), before, rule)
    learning = msgspec.structs.replace(experiment.learning or Learning(), epoch_at=draft.now)
    learning = msgspec.structs.replace(learning, epochs=learning.epochs + 1)
    if not _is_change(points, before):
        draft.change(experiment=msgspec.structs.replace(experiment, learning=learning))
        return
    learning = msgspec.structs.replace(
        learning,
        began=(*learning.began, draft.now),
        predicted=(*learning.predicted, prediction(reward, rounds) if reward.is_bounded else 0.0),
    )
    arms = {arm: points[arm] for arm in state.on_trial}
    best = chances(reward, variants, rounds)
    _give(draft, step, arms, experiment, learning)
    draft.note(
        "reweighted",
        round=str(draft.state.round),
        weights=_named(points),
        why=f"the probability of being best is {_said(best)}"
        if best
        else "an arm is gone, and too little is known yet",
    )
    draft.notify("progressed")


def _give(draft: Draft, step: Decide, arms: Mapping[str, int], experiment: Experiment, learning: Learning) -> None:
    state, given = draft.state, dict(arms)
    draft.change(
        round=state.round + 1,
        shares=given,
        split=given if step.audience is None else {},
        targets={} if step.audience is None else {step.audience: given},
        removed={arm: msgspec.structs.replace(removal, slot=0) for arm, removal in state.removed.items()},
        experiment=msgspec.structs.replace(
            experiment, shares=(*experiment.shares, given), round_at=draft.now, learning=learning
        ),
    )


def _kept(before: Mapping[str, float], variants: tuple[str, ...]) -> dict[str, float]:
    """The shares as they are, of those that are left."""
    whole = sum(before[variant] for variant in variants)
    return {variant: before[variant] / whole for variant in variants}


def _is_change(points: Mapping[str, int], before: Mapping[str, float]) -> bool:
    """An arm that is gone gives its weight away at once; else only what is worth a round."""
    moved = (abs(weight - before[variant] * TOTAL_WEIGHT) for variant, weight in points.items())
    return set(points) != set(before) or max(moved) >= SMALLEST_CHANGE


def _named(points: Mapping[str, int]) -> str:
    return ", ".join(f"{_word(variant)} {weight / 100:g} %" for variant, weight in points.items())


def _said(best: Mapping[str, float]) -> str:
    return ", ".join(f"{chance:.0%} of {_word(variant)}" for variant, chance in best.items())


def _word(variant: str) -> str:
    return "control" if variant == STABLE else variant
