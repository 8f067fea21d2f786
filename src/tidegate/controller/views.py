"""Builds what control tells of releases, in the public shapes, from stored rows and what control knows."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from tidegate.controller.gateways import GatewayView
from tidegate.delivery import release
from tidegate.delivery.gate_spec import gate_name
from tidegate.delivery.gates import GateResult
from tidegate.delivery.quantities import encode_quantity
from tidegate.delivery.release import Phase, ReleaseState
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Program
from tidegate.delivery.strategy import compile_program, strategy_name
from tidegate.registry import freezes, incidents
from tidegate.registry.audit import AuditRow
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.gateways import Breaker, Cutoff, Gateway
from tidegate.shapes.incidents import Incident, Moment
from tidegate.shapes.releases import (
    ActualTraffic,
    Approval,
    Breach,
    Event,
    Freeze,
    Gate,
    MetricVerdict,
    Mirror,
    Release,
)

T = TypeVar("T")


def release_view(row: ReleaseRow, *, is_frozen: bool = False, actual: ActualTraffic | None = None) -> Release:
    """One stored release; a freeze sends everything to stable whatever the release wants."""
    state, breach = row.state, row.state.breach
    took = state.time_to_stable
    program = compile_program(row.spec.strategy)
    missing = missing_samples(row, program)
    return Release(
        id=row.id,
        service=row.service,
        version=row.candidate,
        arms=state.arms,
        stable=state.stable,
        strategy=strategy_name(row.spec.strategy),
        phase=str(state.phase),
        attempt=state.attempt,
        step=state.step,
        sub_phase=None if state.sub_phase is None else str(state.sub_phase),
        weights=weights_of(state, is_frozen=is_frozen),
        pause_reasons=tuple(map(str, state.pause_reasons)),
        verdict=None if state.verdict is None else str(state.verdict),
        verdicts=tuple(_same(MetricVerdict, verdict) for verdict in state.verdicts),
        samples=state.samples,
        missing_samples=missing,
        missing_seconds=_missing_seconds(state, missing),
        exposed_requests=state.exposed_requests,
        exposed_units=state.exposed_units,
        program=tuple(msgspec.to_builtins(step, enc_hook=encode_quantity) for step in program.steps),
        gates=_gates(row),
        approvals=tuple(_same(Approval, approval) for approval in state.approvals),
        actual=actual,
        breach=None if breach is None else _breach(breach),
        time_to_stable_seconds=None if took is None else took.total_seconds(),
        is_running=not state.phase.is_terminal,
        created_at=row.created_at,
        started_at=state.started_at,
        not_before_at=state.not_before_at,
        window_opened_at=state.window_opened_at,
        soak_until=state.soak_until,
        approve_until=state.approve_until,
        deadline_at=state.deadline_at,
        ended_at=row.ended_at,
        actor=row.actor,
        reason=row.reason,
        etag=row.version,
        mirror=_mirror(state),
        finishes=program.finishes,
    )


def _mirror(state: ReleaseState) -> Mirror | None:
    bounds = state.mirroring
    if bounds is None:
        return None
    return Mirror(
        share=bounds.share,
        max_cost_usd=None if bounds.max_cost is None else bounds.max_cost / 1e9,
        max_tokens=bounds.max_tokens,
        cost_usd=state.mirror_cost / 1e9,
        tokens=state.mirror_tokens,
    )


def weights_of(state: ReleaseState, *, is_frozen: bool = False) -> dict[str, int]:
    """Basis points by full reference; what ended has given everything to one version."""
    split = state.split
    is_over = state.phase is Phase.ROLLING_BACK or (state.phase.is_terminal and state.phase is not Phase.SUCCEEDED)
    if is_over or (is_frozen and state.stable is not None):
        split = {}
    weights = {} if state.stable is None else {state.stable: TOTAL_WEIGHT - sum(split.values())}
    for arm, version in state.arms.items():
        weights[version] = weights.get(version, 0) + split.get(arm, 0)
    return weights


def missing_samples(row: ReleaseRow, program: Program) -> int:
    """How many more the present step needs before it can be judged; 0 where none are waited for."""
    if row.state.window_opened_at is None or row.phase not in {Phase.PROGRESSING, Phase.PROMOTING}:
        return 0
    declared = row.spec.analysis.min_samples
    least = program.criteria_at(row.state.step).min_samples if declared is None else declared
    return max(0, least - row.state.samples)


def freeze_view(freeze: freezes.Freeze) -> Freeze:
    """What holds a service at stable."""
    return _same(Freeze, freeze)


def incident_view(incident: incidents.Incident, state: ReleaseState | None = None) -> Incident:
    """One automatic rollback; while it is under way its timeline is that of the release."""
    told = _same(Incident, incident)
    if told.timeline or state is None or state.attempt != incident.attempt:
        return told
    return msgspec.structs.replace(told, timeline=tuple(_same(Moment, moment) for moment in state.way_back))


def event_view(row: AuditRow) -> Event:
    """What happened to a release, from its audit row."""
    return Event(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        code=row.action.rpartition(".")[2],
        number=row.detail.get("number", ""),
        sentence=row.detail.get("sentence", ""),
        detail=row.detail,
    )


def gateway_view(seen: GatewayView, revision: int) -> Gateway:
    """One gateway from its last heartbeat; ``revision`` is that of the newest routing table."""
    beat = seen.heartbeat
    return Gateway(
        id=beat.gateway,
        address=beat.address,
        build=beat.build,
        pid=beat.pid,
        revision=beat.revision,
        epoch=beat.epoch,
        is_live=seen.is_live,
        is_current=beat.revision >= revision,
        behind=max(0, revision - beat.revision),
        silent_seconds=seen.silent_seconds,
        heard_at=seen.heard_at,
        in_flight=beat.in_flight,
        breakers=tuple(_same(Breaker, breaker) for breaker in beat.breakers),
        cutoffs=tuple(_same(Cutoff, cutoff) for cutoff in beat.cutoffs),
        spool_batches=beat.spool_batches,
        dropped=beat.dropped,
    )


def _gates(row: ReleaseRow) -> tuple[Gate, ...]:
    """Those that have answered, in the order of their answers, then those that have not."""
    answered = [(result.gate, result) for result in row.state.gates]
    known = {number for number, _ in answered}
    waiting = [(number, None) for number in range(len(row.spec.gates)) if number not in known]
    return tuple(_gate(row, number, result) for number, result in (*answered, *waiting))


def _gate(row: ReleaseRow, number: int, result: GateResult | None) -> Gate:
    spec = row.spec.gates[number]
    return Gate(
        name=gate_name(spec, number),
        kind=spec.kind,
        action=spec.action,
        version="" if result is None else result.version,
        verdict=None if result is None else str(result.verdict),
        code="" if result is None else result.code,
        sentence="" if result is None else result.sentence,
        score=None if result is None else result.score,
        samples=None if result is None else result.samples,
        excerpt="" if result is None else result.excerpt,
        started_at=None if result is None else result.started_at,
        ended_at=None if result is None else result.ended_at,
    )


def _missing_seconds(state: ReleaseState, missing: int) -> float | None:
    if not missing:
        return 0.0
    if not state.samples or state.window_opened_at is None or state.analysed_at is None:
        return None
    passed = (state.analysed_at - state.window_opened_at).total_seconds()
    return missing * passed / state.samples if passed > 0 else None


def _breach(breach: release.Breach) -> Breach:
    return Breach(trigger=breach.trigger, sentence=breach.sentence, at=breach.at, is_automatic=breach.opens_incident)


def _same(shape: type[T], value: Any) -> T:
    """``value`` in the public shape whose fields bear the same names; only what the shape has goes out."""
    return msgspec.convert(value, shape, from_attributes=True)
