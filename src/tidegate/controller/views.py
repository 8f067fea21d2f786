"""Builds what control tells of releases, in the public shapes, from stored rows and what control knows."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from tidegate.controller.gateways import GatewayView
from tidegate.delivery import release
from tidegate.delivery.release import Phase, ReleaseState
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.strategy import strategy_name
from tidegate.registry import freezes, incidents
from tidegate.registry.audit import AuditRow
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.records import Breaker, Cutoff, Gateway
from tidegate.shapes.releases import Breach, Event, Freeze, Incident, MetricVerdict, Release

T = TypeVar("T")


def release_view(row: ReleaseRow, *, is_frozen: bool = False) -> Release:
    """One stored release; a freeze sends everything to stable whatever the release wants."""
    state, breach = row.state, row.state.breach
    took = state.time_to_stable
    return Release(
        id=row.id,
        service=row.service,
        version=row.candidate,
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
        exposed_requests=state.exposed_requests,
        breach=None if breach is None else _breach(breach),
        time_to_stable_seconds=None if took is None else took.total_seconds(),
        is_running=not state.phase.is_terminal,
        created_at=row.created_at,
        started_at=state.started_at,
        not_before_at=state.not_before_at,
        soak_until=state.soak_until,
        deadline_at=state.deadline_at,
        ended_at=row.ended_at,
        actor=row.actor,
        reason=row.reason,
        etag=row.version,
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


def freeze_view(freeze: freezes.Freeze) -> Freeze:
    """What holds a service at stable."""
    return _same(Freeze, freeze)


def incident_view(incident: incidents.Incident) -> Incident:
    """One automatic rollback."""
    return _same(Incident, incident)


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
        silent_seconds=seen.silent_seconds,
        heard_at=seen.heard_at,
        in_flight=beat.in_flight,
        breakers=tuple(_same(Breaker, breaker) for breaker in beat.breakers),
        cutoffs=tuple(_same(Cutoff, cutoff) for cutoff in beat.cutoffs),
        spool_batches=beat.spool_batches,
        dropped=beat.dropped,
    )


def _breach(breach: release.Breach) -> Breach:
    return Breach(trigger=breach.trigger, sentence=breach.sentence, at=breach.at, is_automatic=breach.opens_incident)


def _same(shape: type[T], value: Any) -> T:
    """``value`` in the public shape whose fields bear the same names; only what the shape has goes out."""
    return msgspec.convert(value, shape, from_attributes=True)
