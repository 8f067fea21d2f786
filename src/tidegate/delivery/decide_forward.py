"""Every way forward. Each guard is stated where its transition is made; a pause stops T1, T2, T4, T6, T7 and T10."""

from __future__ import annotations

from datetime import timedelta

from tidegate.delivery.commands import CommitStable, TearDown
from tidegate.delivery.decide_arms import conclude, is_decided
from tidegate.delivery.decide_backward import (
    close_incident,
    count_exposed,
    own_probe,
    reject,
    roll_back,
    tear_down_trial,
)
from tidegate.delivery.decide_evidence import has_spool, judge_now
from tidegate.delivery.decide_gates import are_gates_done
from tidegate.delivery.decide_overlay import is_verified
from tidegate.delivery.decide_pairs import is_spent
from tidegate.delivery.decide_removal import deciding
from tidegate.delivery.decide_steps import enter_step, extend, show_duration, soak_of
from tidegate.delivery.decide_votes import is_settled, settle, voting
from tidegate.delivery.draft import Draft
from tidegate.delivery.release import Moment, PauseReason, Phase, SubPhase, promoted_arm
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Mirror, is_of_pairs
from tidegate.delivery.transitions import Place
from tidegate.stats.verdict import Verdict

_FINISHES = {
    "step_passed": "finished",
    "step_forced": "finished_forced",
    "step_without_data": "finished_without_data",
}


def go_forward(draft: Draft) -> None:
    """Make the transitions that the facts allow, until one moves traffic or nothing is due."""
    if draft.has_moved:
        return
    match draft.state.phase:
        case Phase.PENDING:
            _start(draft)
        case Phase.GATING:
            _leave_gating(draft)
        case Phase.PROGRESSING | Phase.PROMOTING:
            _walk_step(draft)
        case Phase.DRAINING:
            _finish_draining(draft)
        case Phase.ROLLING_BACK:
            _finish_rollback(draft)
        case _:
            pass


def _start(draft: Draft) -> None:
    """T1: one running release a service, no freeze, no cooldown left."""
    state, facts, spec = draft.state, draft.facts, draft.spec
    if facts.other_running is not None:
        if spec.when_running == "reject" and facts.stable != state.candidate:
            reject(draft, "refused_while_running", other=facts.other_running)
        return
    if facts.stable == state.candidate and state.versions:
        draft.fire("already_stable", split={promoted_arm(state): TOTAL_WEIGHT}, ended_at=draft.now)
        draft.notify("succeeded")
    elif draft.program.needs_stable and facts.stable is None:
        reject(draft, "needs_stable")
    elif not (facts.is_frozen or state.is_paused or _is_cooling(draft)):
        draft.fire(
            "started",
            stable=facts.stable,
            started_at=draft.now,
            deadline_at=draft.now + timedelta(seconds=spec.rollback.deadline),
            gate_deadline_at=draft.now + timedelta(seconds=_gating_seconds(draft)),
        )
        draft.notify("started")


def _gating_seconds(draft: Draft) -> float:
    return draft.spec.probe.timeout + sum(gate.timeout for gate in draft.spec.gates)


def _is_cooling(draft: Draft) -> bool:
    not_before = draft.state.not_before_at
    return not_before is not None and draft.now < not_before


def _leave_gating(draft: Draft) -> None:
    """T2: every gate has answered and no blocking one refused; every probe of this attempt answered."""
    probe = own_probe(draft)
    if not are_gates_done(draft) or draft.state.is_paused or draft.facts.candidate_ready is not True or probe is None:
        return
    wanted = (draft.spec.probe.requests + len(draft.spec.probe.smoke)) * max(1, len(draft.state.versions))
    if probe.answered >= max(1, wanted):
        draft.change(probe_samples=probe.answered)
        enter_step(draft, "probes_passed", 0, detail={"answered": str(probe.answered)}, gate_deadline_at=None)


def _walk_step(draft: Draft) -> None:
    """Apply, verify, soak, judge; as far as this pass's facts carry."""
    _apply(draft)
    _verify(draft)
    _end_soak(draft)
    if draft.state.sub_phase is SubPhase.JUDGING and not draft.state.is_paused:
        _judge(draft)


def _apply(draft: Draft) -> None:
    state, facts = draft.state, draft.facts
    if state.sub_phase is SubPhase.APPLYING and not state.is_paused and facts.revision_written is not None:
        draft.fire(
            "routing_written",
            (state.phase, SubPhase.VERIFYING),
            detail={"revision": str(facts.revision_written)},
            awaited_epoch=facts.epoch,
            awaited_revision=facts.revision_written,
        )


def _verify(draft: Draft) -> None:
    """T5 opens the window; while paused its clock does not run."""
    state, facts = draft.state, draft.facts
    if state.sub_phase is not SubPhase.VERIFYING or PauseReason.FREEZE in state.pause_reasons:
        return
    if facts.revision_written is None or not facts.has_gateways or not is_verified(draft):
        return
    onset = timedelta(seconds=draft.spec.analysis.onset)
    soak = soak_of(draft) + onset
    draft.fire(
        "verified",
        (state.phase, SubPhase.SOAKING),
        detail={"revision": str(state.awaited_revision), "soak": show_duration(soak)},
        window_opened_at=draft.now + onset,
        soak_until=None if state.is_paused else draft.now + soak,
        soak_left=soak if state.is_paused else None,
    )


def _end_soak(draft: Draft) -> None:
    if draft.state.sub_phase is not SubPhase.SOAKING or draft.state.is_paused:
        return
    if is_spent(draft):
        _stop_mirror(draft)
    state = draft.state
    if state.sub_phase is not SubPhase.SOAKING:
        return
    is_skipped = state.is_full and state.phase is Phase.PROGRESSING
    if is_decided(draft) or is_settled(draft):
        draft.fire("decided", (state.phase, SubPhase.JUDGING), soak_until=None)
    elif is_skipped or (state.soak_until is not None and draft.now >= state.soak_until):
        draft.fire("soak_skipped" if is_skipped else "soaked", (state.phase, SubPhase.JUDGING), soak_until=None)


def _stop_mirror(draft: Draft) -> None:
    """The money or the tokens are spent: a step that only mirrors is judged by what it has, a split soaks on."""
    pairs = draft.facts.pairs_of_step(draft.state)
    cost, tokens = (f"{pairs.total.cost / 1e9:.4g}", str(pairs.total.tokens)) if pairs else ("", "")
    draft.change(mirroring=None)
    if isinstance(draft.program.step_at(draft.state.step), Mirror):
        target: Place = (draft.state.phase, SubPhase.JUDGING)
        draft.fire("mirror_spent", target, soak_until=None, detail={"cost": cost, "tokens": tokens})
    else:
        draft.note("mirror_ended", cost=cost, tokens=tokens)


def _judge(draft: Draft) -> None:
    """T7, T8, T10. A hard limit that is breached is acted upon by the way back, before this or in the next pass."""
    judge_now(draft)
    if draft.state.verdict is Verdict.FAIL:
        _miss_objective(draft)
    elif deciding(draft) is not None or voting(draft) is not None:
        if not (conclude(draft) or settle(draft)):  # guardrails that pass choose nobody
            _lack(draft)
    elif draft.state.verdict is Verdict.PASS:
        _pass(draft, "step_passed", "promoted")
    elif draft.state.is_forced or draft.state.is_full:
        _pass(draft, "step_forced", "promoted_forced")
    else:
        _lack(draft)


def _lack(draft: Draft) -> None:
    """T8: too little is known to go on."""
    if has_spool(draft.facts):
        return  # what is missing is on its way; if it does not come, the dead man's switch knows
    if draft.state.verdict is Verdict.INCONCLUSIVE:
        _follow_policy(draft, draft.spec.analysis.on_inconclusive, PauseReason.INCONCLUSIVE)
    else:
        on_no_data = draft.program.criteria_at(draft.state.step).on_no_data
        _follow_policy(draft, draft.spec.analysis.on_no_data or on_no_data, PauseReason.NO_DATA)


def _miss_objective(draft: Draft) -> None:
    """T9: what must pass before the promotion surely does not, and no guardrail has said so already."""
    failed = [v for v in draft.state.verdicts if v.verdict is Verdict.FAIL and not v.is_dry_run]
    if failed and all(v.is_objective for v in failed):
        roll_back(draft, "objective", evidence=tuple(failed), metric=failed[0].metric, detail=failed[0].sentence)


def _pass(draft: Draft, step_code: str, promote_code: str) -> None:
    is_last = draft.state.step + 1 == len(draft.program.steps)
    if draft.state.phase is Phase.PROMOTING:
        _commit(draft, promote_code)
    elif is_last and draft.program.finishes:
        _finish(draft, _FINISHES[step_code])
    else:
        enter_step(draft, step_code, draft.state.step + 1)


def _finish(draft: Draft, code: str) -> None:
    """T7: the end of a release that was never to promote; stable has served every user all along."""
    draft.fire(code, split={}, shares={}, targets={}, mirroring=None, deadline_at=None, ended_at=draft.now)
    tear_down_trial(draft)
    draft.notify("finished")


def _follow_policy(draft: Draft, policy: str, reason: PauseReason) -> None:
    state = draft.state
    is_over = is_of_pairs(draft.program.step_at(state.step)) and state.mirroring is None
    if policy == "extend" and (is_over or state.extensions >= draft.spec.analysis.max_extensions):
        policy = draft.spec.analysis.then
    match policy:
        case "promote" if reason is PauseReason.NO_DATA:
            _pass(draft, "step_without_data", "promoted_without_data")
        case "extend":
            extend(draft)
        case "rollback":
            roll_back(draft, reason.value)
        case _:
            draft.pause(reason)


def _commit(draft: Draft, code: str) -> None:
    """T10: the pointers move in the transaction that commits this state. Never without answered probes (I6)."""
    state, promote = draft.state, draft.program.promote
    if not state.probe_samples:
        draft.pause(PauseReason.NO_DATA)
        return
    warm = draft.now if state.stable is None else draft.now + timedelta(seconds=promote.keep_warm)
    draft.fire(code, keep_warm_until=warm, drain_until=warm + timedelta(seconds=promote.drain))
    draft.change(soak_until=None, soak_left=None, deadline_at=None)
    draft.records.append(
        CommitStable(**draft.key, service=state.service, stable=state.candidate, previous=state.stable)
    )
    draft.notify("promoted")


def _finish_draining(draft: Draft) -> None:
    """T12: warm for long enough, and nothing under way at the old version."""
    state, facts = draft.state, draft.facts
    if state.keep_warm_until is not None and draft.now < state.keep_warm_until:
        return
    is_idle = state.stable is None or facts.in_flight(state.stable) == 0
    if not is_idle and state.drain_until is not None and draft.now < state.drain_until:
        return
    draft.fire("drained" if is_idle else "drain_timeout", ended_at=draft.now)
    if state.stable is not None:
        draft.records.append(TearDown(**draft.key, version=state.stable))
    tear_down_trial(draft, but=state.candidate)
    draft.notify("succeeded")


def _finish_rollback(draft: Draft) -> None:
    """T13: stable alone, acknowledged by every gateway, and nothing under way at the candidate."""
    _note_way_back(draft)
    state, facts = draft.state, draft.facts
    revision = facts.revision_written
    if revision is None or not facts.is_acknowledged(facts.epoch, revision):
        return
    if state.stable_at is None:
        draft.change(stable_at=draft.now)
        _passed(draft, "stable_everywhere", "Every gateway serves stable alone.")
    is_idle = facts.in_flight(*state.versions) == 0
    if not is_idle and state.drain_until is not None and draft.now < state.drain_until:
        return
    target: Place = (state.lands_in or Phase.ROLLED_BACK, None)
    count_exposed(draft)
    draft.fire("stable_restored" if is_idle else "drain_timeout", target, ended_at=draft.now)
    _passed(draft, "drained" if is_idle else "drain_timeout", draft.transitions[-1].sentence)
    close_incident(draft)
    tear_down_trial(draft)
    draft.notify(draft.state.phase.value)


def _note_way_back(draft: Draft) -> None:
    """The routing write, and each gateway's acknowledgement when it is first seen."""
    facts, revision = draft.facts, draft.facts.revision_written
    if revision is None:
        return
    known = {(moment.code, moment.gateway) for moment in draft.state.way_back}
    if ("routing_written", "") not in known:
        _passed(draft, "routing_written", f"Revision {revision} gives the candidate nothing.")
    for gateway in facts.gateways:
        is_new = ("acknowledged", gateway.id) not in known
        if gateway.is_live and is_new and (gateway.epoch, gateway.revision) >= (facts.epoch, revision):
            sentence = f"{gateway.id} serves revision {gateway.revision}."
            _passed(draft, "acknowledged", sentence, gateway=gateway.id)


def _passed(draft: Draft, code: str, sentence: str, *, gateway: str = "") -> None:
    moment = Moment(code=code, at=draft.now, sentence=sentence, gateway=gateway)
    draft.change(way_back=(*draft.state.way_back, moment))
