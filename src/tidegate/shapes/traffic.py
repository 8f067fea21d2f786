"""What users got over time, and how the evidence of a release grew, as the API tells them."""

from __future__ import annotations

from datetime import datetime

import msgspec


class TrafficPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time of one version.

    Attributes:
        at: when the stretch begins; its length is ``step_seconds`` of the whole.
        failures: requests that failed for their users; ``assigned_failures`` those that the version itself failed.
        rescued: answered by another version or a fallback.
        cost_usd: of all requests; ``None`` when no price is known. Quantiles are ``None`` without values.
    """

    at: datetime
    requests: int
    failures: int
    assigned_failures: int
    rescued: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    ttft_p50_seconds: float | None
    ttft_p95_seconds: float | None
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None


class TrafficSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The stretches of one version in which it had requests, oldest first.

    Attributes:
        version: full reference; "" for requests that no version was assigned to.
        variant: the arm it was served as; ``release`` the release it belonged to, "" outside releases.
    """

    version: str
    variant: str
    release: str
    points: tuple[TrafficPoint, ...]


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What users of one service got over time, by version."""

    service: str
    since: datetime
    until: datetime
    step_seconds: int
    series: tuple[TrafficSeries, ...]


class CurrentTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What users of one service get now.

    Attributes:
        seconds: length of what the numbers rest on.
        versions: full reference -> requests within it.
        recent: requests by stretches of ``recent_seconds``, oldest first, the unfinished one left out.
    """

    service: str
    seconds: int
    requests_per_second: float
    error_rate: float | None
    ttft_p95_seconds: float | None
    latency_p95_seconds: float | None
    cost_usd_per_hour: float | None
    tokens_per_second: float
    versions: dict[str, int]
    recent: tuple[int, ...]
    recent_seconds: int


class CurrentTraffics(msgspec.Struct, frozen=True, kw_only=True):
    """What users get now, by service, in the order asked for."""

    items: tuple[CurrentTraffic, ...]
    next: str | None


class JudgedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What one analysis said of one metric; the fields mean what those of :class:`MetricVerdict` do.

    Attributes:
        weight: basis points of the candidate at that time.
    """

    at: datetime
    step: int
    weight: int
    verdict: str
    code: str
    samples: int
    estimate: float | None
    lower: float | None
    upper: float | None
    stable_samples: int
    stable_estimate: float | None
    effect: float | None
    effect_lower: float | None
    effect_upper: float | None


class JudgedHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of one metric over time; a metric with a limit and a comparison has two.

    Attributes:
        variant: the arm it is about.
        limit: in the metric's unit, or the margin of the comparison.
    """

    metric: str
    is_comparison: bool
    limit: float
    points: tuple[JudgedPoint, ...]
    variant: str = "candidate"


class EvidenceHistory(msgspec.Struct, frozen=True, kw_only=True):
    """How the evidence of one attempt of a release grew, oldest first; thinned as it becomes old."""

    release: str
    attempt: int
    metrics: tuple[JudgedHistory, ...]


class ProgramStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a release's program, and where the release is in it.

    Attributes:
        kind: ``deploy`` (with gates and probes), ``split``, ``approve``, …, ``promote`` (the bake), ``drain``.
        title: for people.
        weight: basis points of the candidate, ``None`` where the step does not set them.
        seconds: how long it takes as planned, ``None`` where that is open.
        state: ``done``, ``now``, ``next`` or ``skipped``.
        began_at, ended_at: as it was; ``expected_at`` is when a step to come would begin if nothing holds it.
    """

    kind: str
    title: str
    weight: int | None
    seconds: float | None
    state: str
    began_at: datetime | None
    ended_at: datetime | None
    expected_at: datetime | None


class ReleaseProgram(msgspec.Struct, frozen=True, kw_only=True):
    """The program of a release, in order."""

    release: str
    steps: tuple[ProgramStep, ...]
