"""What people asked for. Each intent is answered by exactly one audit entry at least, also when it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tidegate.delivery.decide_backward import reject, roll_back
from tidegate.delivery.decide_evidence import compared_units
from tidegate.delivery.decide_steps import enter_step, extend
from tidegate.delivery.draft import Draft
from tidegate.delivery.evidence.reasons import MISMATCH
from tidegate.delivery.intents import Abort, Alert, Approve, Intent, Pause, Promote, Reject, Resume, Retry, Rollback
from tidegate.delivery.release import Approval, PauseReason, Phase, ReleaseState, SubPhase
from tidegate.delivery.steps import Approve as ApproveStep

# What a person's resume or promote lifts; freeze, unverified and an awaited approval are not theirs to lift.
_LIFTABLE = frozenset({PauseReason.MANUAL, PauseReason.STEP_PAUSE, PauseReason.INCONCLUSIVE, PauseReason.NO_DATA})
_FOR_DATA = frozenset({PauseReason.INCONCLUSIVE, PauseReason.NO_DATA})


def end_on_request(draft: Draft, intents: Sequence[Intent]) -> list[Intent]:
    """Abort and rollback first, whatever was asked for before them. The other intents are left."""
    rest: list[Intent] = []
    for intent in intents:
        if isinstance(intent, Abort | Rollback | Alert):
            _end(draft, intent)
        else:
            rest.append(intent)
    return rest


def answer_intents(draft: Draft, intents: Sequence[Intent]) -> None:
    """The others, in the order they were accepted; a release that is ending takes none of them."""
    for intent in intents:
        match intent:
            case Retry():
                _retry(draft, intent)
            case _ if draft.state.phase.is_terminal:
                draft.note("already_ended", intent=intent)
            case _ if draft.state.phase is Phase.ROLLING_BACK:
                draft.note("already_rolling_back", intent=intent)
            case Pause():
                _pause(draft, intent)
            case Resume():
                _resume(draft, intent)
            case Promote():
                _promote(draft, intent)
            case Approve() | Reject():
                _approve(draft, intent)


def _end(draft: Draft, intent: Abort | Rollback | Alert) -> None:
    state, is_alert = draft.state, isinstance(intent, Alert)
    match state.phase:
        case Phase.PENDING | Phase.GATING:
            reject(draft, "alert_before_traffic" if is_alert else "aborted_before_traffic", intent=intent)
        case Phase.PROGRESSING | Phase.PROMOTING:
            roll_back(draft, "alert" if is_alert else "aborted", intent=intent)
        case Phase.DRAINING if state.stable is None:
            draft.note("nothing_to_return_to", intent=intent)
        case Phase.DRAINING if draft.facts.stable != state.candidate:
            draft.note("already_promoted", intent=intent)  # the pointer has moved on; it is not ours to swap
        case Phase.DRAINING:
            roll_back(draft, "alert" if is_alert else "rollback_requested", intent=intent)
        case Phase.ROLLING_BACK:
            draft.note("already_rolling_back", intent=intent)
        case _:
            draft.note("already_ended", intent=intent)


def _retry(draft: Draft, intent: Retry) -> None:
    state = draft.state
    if state.phase not in {Phase.ROLLED_BACK, Phase.REJECTED}:
        draft.note("not_retryable", intent=intent)
        return
    if not intent.reason.strip():
        draft.note("reason_missing", intent=intent)
        return
    ended, was_automatic = state.ended_at or draft.now, bool(state.breach and state.breach.opens_incident)
    draft.fire("retried", intent=intent)
    draft.change(**_fresh_attempt(state))
    if was_automatic:
        draft.change(not_before_at=ended + timedelta(seconds=draft.spec.rollback.cooldown))


def _fresh_attempt(state: ReleaseState) -> dict[str, object]:
    """Everything but identity begins anew: verdicts are never reused across attempts (I11)."""
    fresh = ReleaseState(
        id=state.id,
        service=state.service,
        candidate=next(iter(state.arms.values())),
        arms=state.arms,
        stable=state.stable,
        created_at=state.created_at,
        attempt=state.attempt + 1,
    )
    return {name: getattr(fresh, name) for name in ReleaseState.__struct_fields__}


def _pause(draft: Draft, intent: Pause) -> None:
    if PauseReason.MANUAL in draft.state.pause_reasons:
        draft.note("already_paused", intent=intent)
    elif draft.state.phase is Phase.DRAINING:
        draft.note("already_promoted", intent=intent)
    else:
        draft.pause(PauseReason.MANUAL, intent=intent)


def _resume(draft: Draft, intent: Resume) -> None:
    lacked_data = not _FOR_DATA.isdisjoint(draft.state.pause_reasons)
    _accept_mismatch(draft)
    if not draft.unpause(_LIFTABLE, intent=intent):
        draft.note("not_paused", intent=intent)
    elif lacked_data and draft.state.sub_phase is SubPhase.JUDGING:
        extend(draft)  # judging the same data again would pause again at once


def _accept_mismatch(draft: Draft) -> None:
    """Who goes on in spite of an alarm has looked: units counted so far raise no other one."""
    if any(verdict.code == MISMATCH for verdict in draft.state.verdicts):
        draft.change(accepted_units=compared_units(draft), verdicts=(), verdict=None)


def _promote(draft: Draft, intent: Promote) -> None:
    state = draft.state
    if state.phase is Phase.DRAINING:
        draft.note("already_promoted", intent=intent)
        return
    if intent.full:
        draft.change(is_full=True)
    elif state.phase in {Phase.PENDING, Phase.GATING}:
        draft.note("too_early", intent=intent)
        return
    _accept_mismatch(draft)
    draft.unpause(_LIFTABLE, intent=intent)
    if state.phase in {Phase.PROGRESSING, Phase.PROMOTING}:
        draft.change(is_forced=True)
    if draft.state.phase is Phase.PROGRESSING and draft.state.soak_until is not None:
        draft.change(soak_until=draft.now)  # the bake of promoting is never cut short
    draft.note("full_promotion" if intent.full else "soak_cut_short", intent=intent)


def _approve(draft: Draft, intent: Approve | Reject) -> None:
    state, steps = draft.state, draft.program.steps
    step = steps[state.step] if state.step < len(steps) else None
    if state.sub_phase is not SubPhase.WAITING or not isinstance(step, ApproveStep) or draft.has_moved:
        draft.note("not_awaiting_approval", intent=intent)
    elif step.role not in intent.roles and "admin" not in intent.roles:
        draft.note("role_missing", intent=intent, role=step.role)
    elif isinstance(intent, Reject):
        roll_back(draft, "approval_refused", intent=intent)
    elif set(state.pause_reasons) - {PauseReason.AWAIT_APPROVAL, PauseReason.STEP_PAUSE}:
        draft.note("already_paused", intent=intent)
    else:
        draft.unpause({PauseReason.AWAIT_APPROVAL, PauseReason.STEP_PAUSE})
        approval = Approval(step=state.step, role=step.role, actor=intent.actor, reason=intent.reason, at=draft.now)
        draft.change(approvals=(*state.approvals, approval))
        enter_step(draft, "approved", state.step + 1, intent=intent)
