"""What lies over the phases: the pauses that the world imposes, and a clock that jumps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from tidegate.delivery.draft import Draft
from tidegate.delivery.evidence.reasons import MISMATCH
from tidegate.delivery.release import Experiment, PauseReason, Phase, SubPhase
from tidegate.delivery.steps import Approve

_SERVING = frozenset({Phase.PROGRESSING, Phase.PROMOTING})
_CAN_FREEZE = _SERVING | {Phase.GATING}
_INSTANTS = (
    "paused_at",
    "started_at",
    "not_before_at",
    "deadline_at",
    "gate_deadline_at",
    "window_opened_at",
    "soak_until",
    "approve_until",
    "analysed_at",
    "silent_since",
    "keep_warm_until",
    "drain_until",
)


def shift_clock(draft: Draft) -> None:
    """Move every instant that is compared with *now* by what the wall clock jumped: a soak is as long as it is.

    Only what is still ahead matters, so ended releases are left alone (I11).
    """
    jump, state = draft.facts.clock_jump, draft.state
    if jump == timedelta(0) or state.phase.is_terminal:
        return
    moved = {name: at + jump for name in _INSTANTS if (at := getattr(state, name)) is not None}
    if state.breach is not None and state.stable_at is None:
        moved["breach"] = msgspec.structs.replace(state.breach, at=state.breach.at + jump)
    if state.experiment is not None and state.phase is Phase.PROGRESSING:
        moved["experiment"] = _shifted(state.experiment, jump)
    if moved:
        draft.change(**moved)
        draft.note("clock_jump", seconds=f"{jump.total_seconds():+g}")


def _shifted(experiment: Experiment, jump: timedelta) -> Experiment:
    """An experiment whose next epoch is as far ahead as it was."""
    learning = experiment.learning
    if learning is not None and learning.epoch_at is not None:
        learning = msgspec.structs.replace(learning, epoch_at=learning.epoch_at + jump)
    return msgspec.structs.replace(experiment, round_at=experiment.round_at + jump, learning=learning)


def keep_overlay(draft: Draft) -> None:
    """Set and lift the pauses that no person sets: freeze and unverified, and hold on a sample-ratio mismatch."""
    _keep_freeze(draft)
    _keep_overdue_approval(draft)
    _keep_unverified(draft)
    if draft.state.phase is Phase.PROGRESSING and any(v.code == MISMATCH for v in draft.state.verdicts):
        draft.pause(PauseReason.INCONCLUSIVE)


def _keep_freeze(draft: Draft) -> None:
    is_held = PauseReason.FREEZE in draft.state.pause_reasons
    if draft.facts.is_frozen and draft.state.phase in _CAN_FREEZE:
        draft.pause(PauseReason.FREEZE)
    elif is_held and not draft.facts.is_frozen:
        draft.unpause({PauseReason.FREEZE})
        if draft.state.phase in _SERVING and draft.state.sub_phase is not SubPhase.WAITING:
            # Stable served everything meanwhile: the weight counts as new, and so does its window.
            draft.fire("unfrozen", (draft.state.phase, SubPhase.APPLYING), **fresh_window())


def _keep_overdue_approval(draft: Draft) -> None:
    """``on_timeout: pause``: the approval may still come, and from now on ``max_paused`` runs."""
    state = draft.state
    if state.sub_phase is not SubPhase.WAITING or state.approve_until is None or draft.now < state.approve_until:
        return
    step = draft.program.steps[state.step]
    if PauseReason.STEP_PAUSE not in state.pause_reasons and isinstance(step, Approve):
        draft.note("approval_overdue", role=step.role)
        draft.change(approve_until=None)
        draft.pause(PauseReason.STEP_PAUSE)


def _keep_unverified(draft: Draft) -> None:
    state, facts = draft.state, draft.facts
    if state.sub_phase not in {SubPhase.SOAKING, SubPhase.JUDGING} or PauseReason.FREEZE in state.pause_reasons:
        draft.unpause({PauseReason.UNVERIFIED})
        return
    if facts.revision_written is not None and facts.has_gateways and is_verified(draft):
        draft.unpause({PauseReason.UNVERIFIED})
    else:
        draft.pause(PauseReason.UNVERIFIED)


def is_verified(draft: Draft) -> bool:
    """Whether every live gateway serves the awaited routing."""
    epoch, revision = draft.state.awaited_epoch, draft.state.awaited_revision
    return epoch is not None and revision is not None and draft.facts.is_acknowledged(epoch, revision)


def fresh_evidence() -> dict[str, Any]:
    """Fields of a step that has seen nothing: evidence belongs to one step and is never pooled with another's."""
    return {
        "analysed_at": None,
        "verdict": None,
        "verdicts": (),
        "baselines": (),
        "rules": {},
        "looked_at": {},
        "accepted_units": {},
        "round": 0,
    }


def fresh_window() -> dict[str, Any]:
    """Fields of a window that has not begun."""
    return {
        "awaited_epoch": None,
        "awaited_revision": None,
        "window_opened_at": None,
        "soak_until": None,
        "soak_left": None,
        "approve_until": None,
        "extensions": 0,
        "is_forced": False,
        "samples": 0,
        "mirror_cost": 0,
        "mirror_tokens": 0,
    }
