"""Deciding by votes: the step ends when they surely prefer one version, or time is up."""

from __future__ import annotations

import msgspec

from tidegate.delivery.decide_backward import roll_back
from tidegate.delivery.decide_evidence import min_samples
from tidegate.delivery.decide_steps import enter_step
from tidegate.delivery.draft import Draft
from tidegate.delivery.experiments.preferences import PreferenceResult, preference_result
from tidegate.delivery.release import Phase, promoted_arm
from tidegate.delivery.steps import Interleave
from tidegate.stats.verdict import Verdict


def voting(draft: Draft) -> Interleave | None:
    """The step under way, if votes decide it."""
    step = draft.program.step_at(draft.state.step)
    return step if isinstance(step, Interleave) and draft.state.phase is Phase.PROGRESSING else None


def is_settled(draft: Draft) -> bool:
    """Whether a step that votes decide may end before its time."""
    step, state = voting(draft), draft.state
    if step is None or not step.is_sequential or state.analysed_at != draft.now:
        return False
    result = _result(draft)
    return result.is_worse or (result.is_chosen and state.verdict is Verdict.PASS)


def settle(draft: Draft) -> bool:
    """End a step that votes decide, with the candidate or with stable. ``False`` when it is no such step, or has too
    few votes to conclude anything; then the policies for that case apply. What only reports says so without any, too."""
    step, state = voting(draft), draft.state
    if step is None or draft.facts.pairs is None:
        return False
    result, is_asked = _result(draft), state.is_forced or state.is_full
    if step.promotes and not is_asked and result.votes < max(1, min_samples(draft)):
        return False
    if not step.promotes:
        _end(draft, "reported", f"it was to report only; {result.sentence}")
    elif is_asked:
        _promote(draft, "winner_forced", result)
    elif result.is_chosen and state.verdict is Verdict.PASS:
        _promote(draft, "winner_found", result)
    else:
        _end(draft, "stable_kept", result.sentence)
    return True


def _result(draft: Draft) -> PreferenceResult:
    pairs = draft.facts.pairs_of_step(draft.state)
    found = preference_result(draft.spec, draft.state, pairs.window if pairs else None)
    assert found is not None, "the step is one that votes decide"
    return found


def _promote(draft: Draft, code: str, result: PreferenceResult) -> None:
    arm = promoted_arm(draft.state)
    _remember(draft, code, arm)
    enter_step(draft, code, draft.state.step + 1, detail={"variant": arm, "detail": result.sentence})


def _end(draft: Draft, code: str, detail: str) -> None:
    _remember(draft, code, None)
    roll_back(draft, code, lands_in=Phase.SUCCEEDED, detail=detail)


def _remember(draft: Draft, code: str, winner: str | None) -> None:
    experiment = draft.state.experiment
    assert experiment is not None
    draft.change(experiment=msgspec.structs.replace(experiment, outcome=code, winner=winner))
