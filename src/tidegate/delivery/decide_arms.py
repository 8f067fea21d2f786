"""Deciding between arms: the step ends when the evidence chooses one of them, or stable."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.delivery.decide_backward import roll_back
from tidegate.delivery.decide_evidence import min_samples
from tidegate.delivery.decide_removal import deciding
from tidegate.delivery.decide_steps import enter_step
from tidegate.delivery.draft import Draft
from tidegate.delivery.evidence.analysis import step_verdict
from tidegate.delivery.experiments.bandit.evidence import beats_everybody
from tidegate.delivery.experiments.effects import ArmEffect, EffectStanding
from tidegate.delivery.experiments.standings import is_lost, is_void, leader, standings, winner
from tidegate.delivery.release import Phase
from tidegate.stats.verdict import Verdict


def is_decided(draft: Draft) -> bool:
    """Whether a step that decides may end before its time: somebody won, or nobody can any more."""
    step, state = deciding(draft), draft.state
    if step is None or not step.is_sequential or state.analysed_at != draft.now:
        return False
    effects = _effects(draft)
    won = _winner(draft, effects)
    return is_lost(effects, state) if won is None else step.reweighting is None or _beats_everybody(draft, won)


def conclude(draft: Draft) -> bool:
    """End a step that decides, with a winner or with stable. ``False`` when it is no such step, or lacks the data to
    conclude anything; then the policies for that case apply. What only reports says so without data, too."""
    step, state = deciding(draft), draft.state
    if step is None or is_void(state) or draft.facts.counts is None:
        return False
    effects = _effects(draft)
    is_asked = state.is_forced or state.is_full
    leading = leader(effects, state.on_trial)
    if step.promotes and (leading is None if is_asked else _lacks_data(effects, state.on_trial)):
        return False
    won = _winner(draft, effects)
    if not step.promotes:
        _end(draft, "reported", "", f"it was to report only; leading is {leading or 'nobody'}")
    elif won is not None:
        _promote(draft, "winner_found", won, _told(effects, won))
    elif is_asked and leading is not None:
        _promote(draft, "winner_forced", leading, _told(effects, leading))
    else:
        _end(draft, "stable_kept", "", _why_nobody(draft, effects))
    return True


def _lacks_data(effects: Sequence[ArmEffect], arms: Sequence[str]) -> bool:
    return any(effect.standing is EffectStanding.NO_DATA for effect in effects if effect.variant in arms)


def _effects(draft: Draft) -> tuple[ArmEffect, ...]:
    return standings(draft.spec, draft.state, draft.facts.counts, min_samples(draft))


def _winner(draft: Draft, effects: Sequence[ArmEffect]) -> str | None:
    """By its objectives; and no guardrail of it may be in doubt (I6)."""
    found = winner(draft.spec, draft.state, effects)
    if found is None:
        return None
    own = [verdict for verdict in draft.state.verdicts if verdict.variant == found]
    counts = draft.facts.of_step(draft.state, found)
    passes = counts is not None and step_verdict(own, counts.window, min_samples(draft)) is Verdict.PASS
    return found if passes else None


def _why_nobody(draft: Draft, effects: Sequence[ArmEffect]) -> str:
    doubtful = winner(draft.spec, draft.state, effects)
    return "no arm is surely better" if doubtful is None else f"{doubtful} is better, and a guardrail of it is in doubt"


def _beats_everybody(draft: Draft, arm: str) -> bool:
    """What a bandit goes on for though an arm is better than control already: to find the best one."""
    return beats_everybody(draft.spec, draft.state, draft.facts.counts or (), arm, min_samples(draft))


def _promote(draft: Draft, code: str, arm: str, detail: str) -> None:
    state = draft.state
    assert state.experiment is not None
    ended = msgspec.structs.replace(state.experiment, outcome=code, winner=arm)
    draft.change(candidate=state.arms[arm], experiment=ended)
    enter_step(draft, code, state.step + 1, detail={"variant": arm, "detail": detail})


def _end(draft: Draft, code: str, arm: str, detail: str) -> None:
    state = draft.state
    assert state.experiment is not None
    draft.change(experiment=msgspec.structs.replace(state.experiment, outcome=code, winner=arm or None))
    roll_back(draft, code, lands_in=Phase.SUCCEEDED, detail=detail)


def _told(effects: Sequence[ArmEffect], arm: str) -> str:
    """The first objective of the arm, for the sentence."""
    own = next((effect for effect in effects if effect.variant == arm), None)
    if own is None or own.estimate is None or own.control_estimate is None:
        return "nothing was measured"
    return (
        f"{own.metric} is {own.estimate:.4g} against {own.control_estimate:.4g} of control, over {own.samples} and "
        f"{own.control_samples} units"
    )
