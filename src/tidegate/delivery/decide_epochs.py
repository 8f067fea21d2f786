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
from tidegate.delivery.experiments.bandit.epochs import reckon
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.experiments.progress import Experiment
from tidegate.delivery.experiments.standings import is_void
from tidegate.delivery.release import STABLE, SubPhase
from tidegate.delivery.steps import Decide

_GRACE = timedelta(seconds=15)  # for gateways to take new weights before the release waits for them


def keep_epoch(draft: Draft) -> None:
    """Set the weights anew when an epoch is over."""
    step, experiment = deciding(draft), draft.state.experiment
    if step is None or step.reweighting is None or experiment is None or draft.state.sub_phase is not SubPhase.SOAKING:
        return
    _await_weights(draft, experiment)
    if _is_due(draft, experiment, step.reweighting):
        _set_anew(draft, step, step.reweighting)


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


def _set_anew(draft: Draft, step: Decide, rule: Reweighting) -> None:
    found = reckon(draft.state, draft.spec.objectives[0], rule, draft.facts.counts or (), draft.now)
    draft.change(experiment=found.experiment)
    if found.points is None:
        return
    state, arms = draft.state, found.experiment.shares[-1]
    draft.change(
        round=state.round + 1,
        shares=arms,
        split=arms if step.audience is None else {},
        targets={} if step.audience is None else {step.audience: arms},
        removed={arm: msgspec.structs.replace(removal, slot=0) for arm, removal in state.removed.items()},
    )
    why = f"the probability of being best is {_said(found.best)}" if found.best else "too little is known of some"
    draft.note("reweighted", round=str(draft.state.round), weights=_named(found.points), why=why)
    draft.notify("progressed")


def _named(points: Mapping[str, int]) -> str:
    return ", ".join(f"{_word(variant)} {weight / 100:g} %" for variant, weight in points.items())


def _said(best: Mapping[str, float]) -> str:
    return ", ".join(f"{chance:.0%} of {_word(variant)}" for variant, chance in best.items())


def _word(variant: str) -> str:
    return "control" if variant == STABLE else variant
