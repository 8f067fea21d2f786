"""Every way back that no person asked for. Nothing here waits: not for a pause, not for a soak, not for data."""

from __future__ import annotations

from datetime import UTC, timedelta

from tidegate.delivery.commands import CloseIncident, OpenIncident, SwapBack, TearDown
from tidegate.delivery.decide_evidence import is_silent
from tidegate.delivery.decide_gates import refusing_gate
from tidegate.delivery.decide_overlay import fresh_window
from tidegate.delivery.decide_removal import take_out
from tidegate.delivery.draft import Draft
from tidegate.delivery.facts import ProbeResult
from tidegate.delivery.gate_spec import gate_name
from tidegate.delivery.intents import Intent
from tidegate.delivery.release import MetricVerdict, Moment, Phase
from tidegate.delivery.snapshot import Cutoff
from tidegate.delivery.steps import Approve
from tidegate.stats.verdict import Verdict


def go_backward(draft: Draft) -> None:
    """Reject, roll back or swap back when the facts say so; the first reason that holds is the one recorded."""
    if draft.has_moved:
        return
    match draft.state.phase:
        case Phase.GATING:
            _leave_gating(draft)
        case Phase.PROGRESSING | Phase.PROMOTING:
            _leave_serving(draft)
        case Phase.DRAINING:
            _leave_draining(draft)
        case _:
            pass


def reject(draft: Draft, code: str, *, intent: Intent | None = None, **detail: str) -> None:
    """End a release that served nobody (T3)."""
    was_deployed = draft.state.phase is Phase.GATING
    row = draft.fire(code, intent=intent, detail=detail, ended_at=draft.now, pause_reasons=(), paused_at=None)
    draft.change(breach=draft.breach(row))
    if was_deployed:
        tear_down_trial(draft)
    draft.notify(draft.state.phase.value)


def tear_down_trial(draft: Draft, *, but: str | None = None) -> None:
    """Nobody needs the versions on trial any longer, except ``but``."""
    draft.records += [TearDown(**draft.key, version=v) for v in draft.state.versions if v != but]


def roll_back(
    draft: Draft,
    code: str,
    *,
    intent: Intent | None = None,
    evidence: tuple[MetricVerdict, ...] = (),
    lands_in: Phase = Phase.ROLLED_BACK,
    **detail: str,
) -> None:
    """Take all traffic from the candidate (T8, T9, T11, T14, T16). The routing write is the first effect."""
    state = draft.state
    is_committed = state.phase is Phase.DRAINING
    row = draft.fire(code, intent=intent, detail=detail)
    draft.change(
        split={},
        shares={},
        targets={},
        mirroring=None,
        pause_reasons=(),
        paused_at=None,
        breach=draft.breach(row, evidence),
        lands_in=lands_in,
        stable_at=None,
        way_back=(Moment(code="breach", at=draft.now, sentence=draft.transitions[-1].sentence),),
        keep_warm_until=None,
        drain_until=draft.now + timedelta(seconds=draft.program.promote.drain),
        **(fresh_window() | {"samples": state.samples}),
    )
    if is_committed and state.stable is not None:
        draft.records.append(
            SwapBack(**draft.key, service=state.service, stable=state.stable, previous=state.candidate)
        )
    if row.opens_incident:
        _open_incident(draft)
    draft.notify("concluded" if lands_in is Phase.SUCCEEDED else "rolling_back")


def close_incident(draft: Draft) -> None:
    """Complete the record of an automatic rollback, once stable serves everything again."""
    state = draft.state
    if state.breach is None or not state.breach.opens_incident or state.time_to_stable is None:
        return
    draft.records.append(
        CloseIncident(
            **draft.key,
            service=state.service,
            time_to_stable_seconds=state.time_to_stable.total_seconds(),
            exposed_requests=state.exposed_requests,
            exposed_units=state.exposed_units,
            timeline=state.way_back,
            at=draft.now,
        )
    )


def count_exposed(draft: Draft) -> None:
    """Counts that cannot be read now were read before: exposure never shrinks."""
    state, facts = draft.state, draft.facts
    draft.change(
        exposed_requests=max(state.exposed_requests, facts.exposed(state) or 0),
        exposed_units=max(state.exposed_units, facts.exposed_units(state)),
    )


def _open_incident(draft: Draft) -> None:
    state = draft.state
    if state.breach is None:
        return
    count_exposed(draft)
    draft.records.append(
        OpenIncident(
            **draft.key,
            service=state.service,
            version=state.candidate,
            trigger=state.breach.trigger,
            summary=state.breach.sentence,
            evidence=state.breach.evidence,
            exposed_requests=draft.state.exposed_requests,
            exposed_units=draft.state.exposed_units,
            at=draft.now,
        )
    )


def _leave_gating(draft: Draft) -> None:
    state, facts = draft.state, draft.facts
    probe = own_probe(draft)
    if facts.stable != state.stable:
        reject(draft, "stable_changed_before_traffic")
    elif facts.newer and facts.newer.candidate == state.stable:
        reject(draft, "stable_submitted_before_traffic", other=facts.newer.id)
    elif facts.newer and facts.newer.when_running == "supersede":
        roll_back(draft, "superseded", lands_in=Phase.SUPERSEDED, other=facts.newer.id)
    elif facts.candidate_ready is False:
        reject(draft, "deploy_failed", detail=facts.candidate_detail or "no reason given")
    elif (refusing := refusing_gate(draft)) is not None:
        gate = gate_name(draft.spec.gates[refusing.gate], refusing.gate)
        reject(draft, "gate_refused", gate=gate, detail=refusing.sentence)
    elif probe is not None and probe.failed:
        reject(draft, "probe_failed", failed=str(probe.failed), detail=probe.detail)
    elif _is_paused_too_long(draft):
        reject(draft, "paused_too_long_before_traffic")
    elif not state.is_paused and state.gate_deadline_at is not None and draft.now >= state.gate_deadline_at:
        reject(draft, "gate_timeout")


def own_probe(draft: Draft) -> ProbeResult | None:
    """The result of this attempt's probes; those of earlier attempts say nothing (I11)."""
    probe = draft.facts.probe
    return probe if probe is not None and probe.attempt == draft.state.attempt else None


def _leave_serving(draft: Draft) -> None:
    state, facts = draft.state, draft.facts
    if _leave_by_health(draft):
        return
    if is_silent(draft) and state.silent_since is not None:
        roll_back(draft, "metrics_stale", since=f"{state.silent_since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    elif facts.stable != state.stable:
        roll_back(draft, "stable_changed")
    elif facts.newer and facts.newer.candidate == state.stable:
        roll_back(draft, "stable_submitted", other=facts.newer.id)
    elif state.deadline_at is not None and draft.now >= state.deadline_at:
        roll_back(draft, "deadline")
    elif _is_paused_too_long(draft):
        roll_back(draft, "paused_too_long")
    elif state.approve_until is not None and draft.now >= state.approve_until and _gives_up(draft):
        roll_back(draft, "approval_timeout")
    elif facts.newer and facts.newer.when_running == "supersede":
        roll_back(draft, "superseded", lands_in=Phase.SUPERSEDED, other=facts.newer.id)


def _leave_draining(draft: Draft) -> None:
    """Only with a version to swap back to; the first version of a service has nowhere to go."""
    if draft.facts.newer is not None:
        _make_way(draft, draft.facts.newer.id)
    elif draft.state.stable is not None and draft.facts.stable == draft.state.candidate:
        _leave_by_health(draft)


def _make_way(draft: Draft, other: str) -> None:
    draft.fire("newer_release", detail={"other": other}, ended_at=draft.now)
    if draft.state.stable is not None:
        draft.records.append(TearDown(**draft.key, version=draft.state.stable))
    tear_down_trial(draft, but=draft.state.candidate)
    draft.notify("succeeded")


def _leave_by_health(draft: Draft) -> bool:
    """The triggers that speak of the candidate itself, the same before and after the commit."""
    cutoff, failed, lost = _own_cutoff(draft), _worst_guardrail(draft), _lost_arm(draft)
    if cutoff is not None:
        sentence = f"gateways cut it off after {cutoff.failures} hard failures in a row ({cutoff.reason})"
        if not take_out(draft, cutoff.variant, "cut_off", sentence):
            roll_back(draft, "cut_off", failures=str(cutoff.failures), detail=cutoff.reason)
    elif failed is not None:
        code = "hard_limit" if failed.code == "breached" else "guardrail"
        if not take_out(draft, failed.variant, code, failed.sentence, (failed,)):
            roll_back(draft, code, evidence=(failed,), metric=failed.metric, detail=failed.sentence)
    elif lost is not None and take_out(draft, lost, "candidate_lost", draft.facts.candidate_detail):
        pass
    elif draft.facts.candidate_ready is False:
        roll_back(draft, "candidate_lost", detail=draft.facts.candidate_detail or "no reason given")
    else:
        return False
    return True


def _worst_guardrail(draft: Draft) -> MetricVerdict | None:
    if draft.state.analysed_at != draft.now:  # judged in this very pass, never an old opinion
        return None
    acting = (v for v in draft.state.verdicts if not (v.is_dry_run or v.is_objective))
    return next((v for v in acting if v.verdict is Verdict.FAIL), None)


def _lost_arm(draft: Draft) -> str | None:
    state, lost = draft.state, draft.facts.lost
    return next((arm for arm in state.on_trial if state.arms[arm] in lost), None)


def _own_cutoff(draft: Draft) -> Cutoff | None:
    state = draft.state
    own = (c for c in draft.facts.cutoffs if (c.release, c.attempt) == (state.id, state.attempt))
    return next((c for c in own if c.variant in state.arms and c.variant not in state.removed), None)


def _is_paused_too_long(draft: Draft) -> bool:
    paused_at = draft.state.paused_at
    return paused_at is not None and draft.now - paused_at >= timedelta(seconds=draft.spec.rollback.max_paused)


def _gives_up(draft: Draft) -> bool:
    step = draft.program.steps[draft.state.step] if draft.state.step < len(draft.program.steps) else None
    return isinstance(step, Approve) and step.on_timeout == "rollback"
