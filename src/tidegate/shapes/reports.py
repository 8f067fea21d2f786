"""What became of a service in some stretch of time, and whether its models still behave as on their first day."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tidegate.shapes.incidents import Incident
from tidegate.shapes.releases import Release
from tidegate.shapes.traffic import Traffic


class DriftBin(msgspec.Struct, frozen=True, kw_only=True):
    """How many values lay from ``start`` to ``end``; the outermost bins hold what lies beyond them, too."""

    start: float
    end: float
    first: int
    now: int


class DriftSignal(msgspec.Struct, frozen=True, kw_only=True):
    """One distribution, on the version's first day and now.

    Attributes:
        signal: ``output_tokens``, ``input_tokens`` or ``tokens_per_second``.
        unit: of medians and bins.
        index: population stability index; below ``noise`` is what chance brings with so many values.
        degree: ``none``, ``slight``, ``great`` or ``unknown`` (too few values).
        bins: both histograms, ascending.
    """

    signal: str
    unit: str
    index: float
    noise: float | None
    degree: str
    first_count: int
    now_count: int
    first_median: float | None
    now_median: float | None
    bins: tuple[DriftBin, ...]


class RateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A share of requests on the version's first day and now; ``None`` without requests."""

    signal: str
    first: float | None
    now: float | None


class VersionDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How one version behaves now against its own first day.

    Attributes:
        is_first_over: what is younger than the first day is never compared with it, so until then nothing is told.
    """

    version: str
    first_from: datetime
    first_until: datetime
    is_first_over: bool
    signals: tuple[DriftSignal, ...]
    rates: tuple[RateChange, ...]


class ServiceDrift(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a service that had requests within ``now_seconds``.

    Attributes:
        now_seconds: what counts as now.
    """

    service: str
    now_seconds: int
    versions: tuple[VersionDrift, ...]


class VersionTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What users got from one version; ``None`` where nobody knows.

    Attributes:
        refused: answers in which the model declined or a content filter struck.
        truncated: answers that broke off.
    """

    version: str
    requests: int
    failures: int
    rescued: int
    refused: int
    truncated: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    ttft_p95_seconds: float | None
    latency_p95_seconds: float | None


class OpinionTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What was said under one name of the answers of one version.

    Attributes:
        name: of the feedback, or ``name=category``.
        verdicts: under that name, of all categories.
        is_share: ``value`` is the share that said so; otherwise the mean of numbers.
    """

    version: str
    name: str
    verdicts: int
    is_share: bool
    value: float


class ServiceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One service from ``since`` to ``until``.

    Attributes:
        total: over all versions; its ``version`` is "".
        opinions: feedback on answers, by version and name.
        releases, incidents: begun in that time, newest first.
    """

    service: str
    written_at: datetime
    since: datetime
    until: datetime
    stable: str | None
    total: VersionTotals
    versions: tuple[VersionTotals, ...]
    opinions: tuple[OpinionTotals, ...]
    traffic: Traffic
    releases: tuple[Release, ...]
    incidents: tuple[Incident, ...]
    drift: ServiceDrift
