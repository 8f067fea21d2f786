"""Entering a step, and staying in it longer: what a step gives to whom, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tidegate.delivery.decide_overlay import fresh_evidence, fresh_window
from tidegate.delivery.draft import Draft
from tidegate.delivery.intents import Intent
from tidegate.delivery.release import CANDIDATE, Experiment, PauseReason, Phase, ReleaseState, SubPhase, promoted_arm
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Approve, Decide, Interleave, Mirror, Split, TrafficStep
from tidegate.delivery.transitions import Place


def enter_step(draft: Draft, code: str, step: int, *, intent: Intent | None = None, **fields: Any) -> None:
    """Go to traffic step ``step``, or to promoting after the last one (T2, T7)."""
    program = draft.program
    found = program.steps[step] if step < len(program.steps) else None
    target: Place
    match found:
        case Split() | Mirror() | Decide() | Interleave():
            target = (Phase.PROGRESSING, SubPhase.APPLYING)
        case Approve():
            target = (Phase.PROGRESSING, SubPhase.WAITING)
        case None:
            target = (Phase.PROMOTING, SubPhase.APPLYING)
    draft.fire(code, target, intent=intent, **fields)
    given = _given(draft.state, found)
    draft.change(step=step, **given, **fresh_evidence(), **fresh_window())
    if isinstance(found, Decide | Interleave):
        draft.change(experiment=Experiment(step=step, shares=(given.get("shares", {}),), round_at=draft.now))
    draft.notify("progressed")
    if isinstance(found, Approve):
        draft.change(approve_until=draft.now + timedelta(seconds=found.timeout))
        draft.pause(PauseReason.AWAIT_APPROVAL)


def _given(state: ReleaseState, step: TrafficStep | None) -> dict[str, Any]:
    """What the step gives to whom. Nobody ever gets less than before (I12); a mirror lasts for its own step."""
    match step:
        case Split(audience=None):
            one = {CANDIDATE: step.weight}
            return {"split": one, "shares": one, "mirroring": step.mirroring}
        case Split(audience=str() as segment):
            most = max(step.weight, state.targets.get(segment, {}).get(CANDIDATE, 0))
            return {
                "targets": {**state.targets, segment: {CANDIDATE: most}},
                "shares": {CANDIDATE: step.weight},
                "mirroring": step.mirroring,
            }
        case Mirror():
            return {"mirroring": step.mirroring}
        case Interleave(mirroring=None):
            half = {promoted_arm(state): TOTAL_WEIGHT // 2}
            return {"split": half, "shares": half, "targets": {}, "mirroring": None}
        case Interleave():
            return {"mirroring": step.mirroring}
        case Decide(audience=None):
            return {"split": step.weights, "shares": step.weights, "targets": {}, "mirroring": None}
        case Decide(audience=str() as segment):
            return {"split": {}, "shares": step.weights, "targets": {segment: step.weights}, "mirroring": None}
        case None:
            everything = {promoted_arm(state): TOTAL_WEIGHT}
            return {"split": everything, "shares": everything, "targets": {}, "mirroring": None}
        case _:
            return {"mirroring": None}


def extend(draft: Draft, *, intent: Intent | None = None) -> None:
    """T8: soak once more; the window goes on, so samples accumulate."""
    soak = soak_of(draft)
    draft.fire(
        "extended",
        (draft.state.phase, SubPhase.SOAKING),
        intent=intent,
        detail={"soak": show_duration(soak)},
        soak_until=None if draft.state.is_paused else draft.now + soak,
        soak_left=soak if draft.state.is_paused else None,
        extensions=draft.state.extensions + 1,
    )


def soak_of(draft: Draft) -> timedelta:
    """How long the current step is watched; the bake in promoting."""
    return timedelta(seconds=draft.program.soak_at(draft.state.step))


def show_duration(length: timedelta) -> str:
    """``90 s`` for sentences."""
    return f"{length.total_seconds():g} s"
