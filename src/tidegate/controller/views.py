"""What the control plane tells of releases, in the shapes of the public interface."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tidegate.delivery.release import MetricVerdict, Phase, ReleaseState
from tidegate.delivery.snapshot import TOTAL_WEIGHT, BreakerState, Cutoff
from tidegate.registry.incidents import Incident
from tidegate.registry.releases import ReleaseRow


class BreachView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a release rolls back or was rolled back."""

    trigger: str
    sentence: str
    at: datetime
    is_automatic: bool


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True):
    """One release.

    Attributes:
        version: full reference of the candidate.
        stable: full reference of the stable version it began beside.
        weights: full reference -> basis points of new units.
        etag: what ``If-Match`` names; rises with each commit.
        time_to_stable_seconds: breach to the last gateway's acknowledgement of stable.
    """

    id: str
    service: str
    version: str
    stable: str | None
    strategy: str
    phase: str
    attempt: int
    step: int
    sub_phase: str | None
    weights: dict[str, int]
    pause_reasons: tuple[str, ...]
    verdict: str | None
    verdicts: tuple[MetricVerdict, ...]
    samples: int
    exposed_requests: int
    breach: BreachView | None
    time_to_stable_seconds: float | None
    is_running: bool
    created_at: datetime
    started_at: datetime | None
    not_before_at: datetime | None
    soak_until: datetime | None
    deadline_at: datetime | None
    ended_at: datetime | None
    actor: str
    reason: str
    etag: int


class FreezeView(msgspec.Struct, frozen=True, kw_only=True):
    """What holds a service at stable."""

    scope: str
    actor: str
    reason: str
    created_at: datetime


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """One service: what users get, and the running release, else the latest one.

    Attributes:
        waiting: ids of releases that wait in pending, oldest first.
    """

    service: str
    stable: str | None
    previous_stable: str | None
    release: ReleaseView | None
    waiting: tuple[str, ...]
    freeze: FreezeView | None


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a release: an audit row.

    Attributes:
        seq: of the audit row; events are resumed after it.
        code: stable reason.
        number: ``T1`` … of the release machine, "" for others.
        sentence: the same for people.
    """

    seq: int
    at: datetime
    actor: str
    code: str
    number: str
    sentence: str
    detail: dict[str, Any]


class ExplanationView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a release is where it is: plain sentences, newest last, and what they rest on."""

    release: ReleaseView
    sentences: tuple[str, ...]
    events: tuple[EventView, ...]
    incident: Incident | None


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway, from its last heartbeat."""

    id: str
    address: str
    build: str
    pid: int
    revision: int
    epoch: int
    is_live: bool
    is_current: bool
    silent_seconds: float
    heard_at: datetime
    in_flight: dict[str, int]
    breakers: tuple[BreakerState, ...]
    cutoffs: tuple[Cutoff, ...]
    spool_batches: int
    dropped: int


class RouteExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Which variant a request would get, and why; nothing is sent.

    Attributes:
        unit: what was randomised; ``unit_kind`` says what it is.
        weights: full reference -> basis points in force.
        segments: names of segments the request belongs to.
    """

    service: str
    revision: int
    unit: str
    unit_kind: str
    variant: str | None
    version: str | None
    propensity: int
    weights: dict[str, int]
    segments: tuple[str, ...]
    release: str | None
    sentence: str


def release_view(row: ReleaseRow, *, is_frozen: bool = False) -> ReleaseView:
    """The view of one stored release; a freeze sends everything to stable whatever the release wants."""
    state, breach = row.state, row.state.breach
    took = state.time_to_stable
    return ReleaseView(
        id=row.id,
        service=row.service,
        version=row.candidate,
        stable=state.stable,
        strategy=str(row.spec.strategy[0].__struct_config__.tag),
        phase=str(state.phase),
        attempt=state.attempt,
        step=state.step,
        sub_phase=None if state.sub_phase is None else str(state.sub_phase),
        weights=weights_of(state, is_frozen=is_frozen),
        pause_reasons=tuple(map(str, state.pause_reasons)),
        verdict=None if state.verdict is None else str(state.verdict),
        verdicts=state.verdicts,
        samples=state.samples,
        exposed_requests=state.exposed_requests,
        breach=None
        if breach is None
        else BreachView(
            trigger=breach.trigger, sentence=breach.sentence, at=breach.at, is_automatic=breach.opens_incident
        ),
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
    candidate = state.weight
    if state.phase is Phase.SUCCEEDED:
        candidate = TOTAL_WEIGHT
    elif state.phase.is_terminal or state.phase is Phase.ROLLING_BACK or (is_frozen and state.stable is not None):
        candidate = 0
    if state.stable is None or state.stable == state.candidate:
        return {state.candidate: candidate}
    return {state.stable: TOTAL_WEIGHT - candidate, state.candidate: candidate}
