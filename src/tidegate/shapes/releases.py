"""Releases, what happened to them, and services' status, as the API tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tidegate.shapes.incidents import Incident


class MetricVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence says of one guardrail.

    Attributes:
        variant: the arm it speaks of.
        metric: with its statistic, such as ``latency.p95``.
        verdict: ``pass``, ``fail``, ``inconclusive`` or ``no_data``.
        code: stable reason; ``sentence`` says the same for people.
        estimate: in the metric's unit; ``lower`` and ``upper`` are anytime-valid bounds; ``None`` without data.
        samples: requests it rests on; ``events`` of them count against the limit.
        stable_estimate: stable's, over ``stable_samples``, where the arms are compared.
        effect: candidate against stable: parts of one (points) for rates, relative for everything else;
            ``effect_lower`` and ``effect_upper`` are its anytime-valid bounds.
    """

    metric: str
    verdict: str
    code: str
    sentence: str
    limit: float
    variant: str = "candidate"
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    samples: int = 0
    events: int = 0
    is_dry_run: bool = False
    stable_estimate: float | None = None
    stable_samples: int = 0
    effect: float | None = None
    effect_lower: float | None = None
    effect_upper: float | None = None


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """Why a release rolls back or was rolled back."""

    trigger: str
    sentence: str
    at: datetime
    is_automatic: bool


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One gate before traffic.

    Attributes:
        kind: ``command`` or ``http``.
        action: ``block`` rejects the release when it does not pass, ``warn`` only tells.
        version: full reference of the version it was asked about.
        verdict: ``None`` until it has answered in this attempt; ``code`` and ``sentence`` say why.
        score, samples: as it reported them; ``excerpt`` is the end of what it said.
    """

    name: str
    kind: str
    action: str
    version: str
    verdict: str | None
    code: str
    sentence: str
    score: float | None
    samples: int | None
    excerpt: str
    started_at: datetime | None
    ended_at: datetime | None


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Who let an approve step pass, in which role, and why."""

    step: int
    role: str
    actor: str
    reason: str
    at: datetime


class ActualTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What gateways really do, beside what the release wants.

    Attributes:
        weights: full reference -> basis points of the requests observed in this step; empty without any.
        requests: how many these are.
        gateways: how many may be serving; ``current`` of them serve the wanted routing, ``lagging`` names the rest.
    """

    weights: dict[str, int]
    requests: int
    gateways: int
    current: int
    lagging: tuple[str, ...]


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of stable's requests that the candidate answers now, for nobody.

    Attributes:
        share: basis points of stable's requests.
        max_cost_usd, max_tokens: what the copies of this step may use, ``None`` without a bound.
        cost_usd, tokens: what they have used, as far as it was counted at the last analysis.
    """

    share: int
    max_cost_usd: float | None
    max_tokens: int | None
    cost_usd: float
    tokens: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One release.

    Attributes:
        version: full reference of the candidate; of several arms the first, or the one that won.
        arms: name -> full reference of everything on trial, those taken out too.
        stable: full reference of the stable version it began beside, ``None`` for a service's first.
        phase: ``pending, gating, progressing, promoting, draining, rolling_back``, or an end: ``succeeded,
            rolled_back, rejected, superseded``.
        sub_phase: ``applying, verifying, soaking, judging, waiting`` within a step.
        weights: full reference -> basis points of new units.
        mirror: copies of requests under way, ``None`` where nothing is mirrored.
        finishes: its strategy ends without a promotion, so ``succeeded`` leaves stable as it is.
        pause_reasons: not empty means paused.
        verdict: the worst of ``verdicts``, ``None`` before the first analysis.
        samples: of the step; ``missing_samples`` more are needed before it can be judged, which at the rate so far
            takes ``missing_seconds`` (``None``: nobody can say).
        exposed_requests: user requests the candidate was assigned in this attempt; ``exposed_units`` their units, of
            which one that came back in a later step counts there again.
        program: the traffic steps, each with its ``kind``; ``step`` counts them, beyond the last one is the promotion.
        actual: what gateways do; ``None`` of a release that is over, or where nobody can say.
        approve_until: when the awaited approval is overdue.
        time_to_stable_seconds: breach to the last gateway's acknowledgement of stable.
        etag: what ``If-Match`` names; rises with each change.
    """

    id: str
    service: str
    version: str
    arms: dict[str, str] = {}
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
    missing_samples: int = 0
    missing_seconds: float | None = None
    exposed_requests: int
    exposed_units: int = 0
    program: tuple[dict[str, Any], ...] = ()
    gates: tuple[Gate, ...] = ()
    approvals: tuple[Approval, ...] = ()
    actual: ActualTraffic | None = None
    breach: Breach | None
    time_to_stable_seconds: float | None
    is_running: bool
    created_at: datetime
    started_at: datetime | None
    not_before_at: datetime | None
    window_opened_at: datetime | None = None
    soak_until: datetime | None
    approve_until: datetime | None = None
    deadline_at: datetime | None
    ended_at: datetime | None
    actor: str
    reason: str
    etag: int
    mirror: Mirror | None = None
    finishes: bool = False


class Freeze(msgspec.Struct, frozen=True, kw_only=True):
    """What holds a service, or with the scope ``*`` every service, at stable."""

    scope: str
    actor: str
    reason: str
    created_at: datetime


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One service: what users get, and the running release, else the latest one.

    Attributes:
        stable: full reference; ``None`` before the first promotion.
        waiting: ids of releases that wait in pending, oldest first.
    """

    service: str
    stable: str | None
    previous_stable: str | None
    release: Release | None
    waiting: tuple[str, ...]
    freeze: Freeze | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a release.

    Attributes:
        seq: number of its audit row; events are resumed after it.
        code: stable reason; ``sentence`` says the same for people.
        number: of the transition (``T1`` …), "" for others.
    """

    seq: int
    at: datetime
    actor: str
    code: str
    number: str
    sentence: str
    detail: dict[str, Any]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a release is where it is.

    Attributes:
        summary: in plain sentences: where it is, what was compared, what the evidence says, and what would change it.
        sentences: everything that happened, newest last, and what it rests on.
    """

    release: Release
    summary: tuple[str, ...]
    sentences: tuple[str, ...]
    events: tuple[Event, ...]
    incident: Incident | None


class RouteExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Which variant a request would get, and why; nothing was sent.

    Attributes:
        unit: what is randomised; ``unit_kind`` says whether it is a request, conversation or user.
        propensity: basis points with which that variant is chosen.
        weights: full reference -> basis points in force.
        segments: names of the segments the request belongs to.
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


class Statuses(msgspec.Struct, frozen=True, kw_only=True):
    """A page of services, by name; ``next`` is the cursor of the following page."""

    items: tuple[Status, ...]
    next: str | None


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """A page of releases, newest first; ``next`` is the cursor of the following page."""

    items: tuple[Release, ...]
    next: str | None


class Freezes(msgspec.Struct, frozen=True, kw_only=True):
    """Every freeze, by scope."""

    items: tuple[Freeze, ...]
    next: str | None
