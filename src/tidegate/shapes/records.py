"""Services, providers, keys, gateways, requests and the audit log as the API tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of a service; durations in seconds.

    Attributes:
        spec: fallbacks, timeouts, segments, overrides, unit …, as far as given.
        etag: rises with each change; what ``If-Match`` names.
    """

    name: str
    spec: dict[str, Any]
    stable: str | None
    previous_stable: str | None
    created_at: datetime
    etag: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent upstream for a request; nothing was sent.

    Attributes:
        url: where it would go; ``None`` when the gateway answers it itself (a token estimate).
        body: what would be sent, with the version's share put in; likewise.
        fallbacks: ``provider/model`` of who would rescue it, in order.
    """

    version: str
    provider: str
    dialect: str
    url: str | None
    body: dict[str, Any] | None
    fallbacks: tuple[str, ...]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider.

    Attributes:
        credential: reference to the key (``env:NAME``, ``file:PATH``, ``memory:NAME``), never the key.
        server_metrics: where its model server tells its load.
        prices: by model, USD per million tokens as decimal text: ``{input, output, cached?}``.
        warnings: a key that control holds in memory only, or no longer holds.
    """

    name: str
    dialect: str
    base_url: str
    credential: str | None
    headers: dict[str, str]
    prices: dict[str, dict[str, str]]
    ca_file: str | None
    max_in_flight: int
    server_metrics: str | None = None
    updated_at: datetime
    warnings: tuple[str, ...] = ()


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """Every provider, by name."""

    items: tuple[Provider, ...]
    next: str | None


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may use over all gateways together; ``None`` means no bound.

    Attributes:
        requests_per_minute, tokens_per_minute: a minute's worth may come at once.
        concurrent: requests under way.
        budget: such as ``50 USD/month`` and ``5 USD/day``.
        without_control: ``refuse`` or ``allow``: what gateways do when the money lent to them is used up and control
            is silent.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    budget: tuple[str, ...] = ()
    without_control: str = "refuse"


class KeyUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a key uses, of days and months of UTC.

    Attributes:
        requests_per_minute, tokens_per_minute: wanted of late, also what was refused; of keys with limits.
        in_flight: requests under way; of keys with limits.
        requests_today, tokens_today: that ended.
        spent_today_usd, spent_this_month_usd: by requests that ended, where prices are known.
        reserved_usd: what requests under way may come to; of keys with a budget.
    """

    requests_per_minute: int
    tokens_per_minute: int
    in_flight: int
    requests_today: int
    tokens_today: int
    spent_today_usd: float
    spent_this_month_usd: float
    reserved_usd: float


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One access key without its secret; empty ``services`` means every service.

    Attributes:
        source: ``configuration`` or ``api``.
        limits: ``None`` without any.
    """

    name: str
    roles: tuple[str, ...]
    services: tuple[str, ...]
    source: str
    created_at: datetime
    use: KeyUsage
    limits: KeyLimits | None = None


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Every key, by name; after a revocation, those that remain and what that means in ``warnings``."""

    items: tuple[Key, ...]
    next: str | None
    warnings: tuple[str, ...] = ()


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it was made.

    Attributes:
        secret: the key itself; nobody can read it again.
        warnings: what else follows from there being this key.
    """

    key: Key
    secret: str
    warnings: tuple[str, ...]


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment's breaker as a gateway sees it: ``admitting``, ``probing`` or ``blocking``."""

    deployment: str
    state: str
    failures: int


class Cutoff(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway stopped using a candidate on its own after hard failures in a row."""

    service: str
    release: str
    attempt: int
    variant: str
    failures: int
    reason: str


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway process, from its last heartbeat.

    Attributes:
        is_live: whether it may be serving.
        is_current: whether it serves the newest routing table; ``behind`` is how many revisions it lacks.
        in_flight: requests under way by version reference.
        dropped: observations lost since it started.
    """

    id: str
    address: str
    build: str
    pid: int
    revision: int
    epoch: int
    is_live: bool
    is_current: bool
    behind: int
    silent_seconds: float
    heard_at: datetime
    in_flight: dict[str, int]
    breakers: tuple[Breaker, ...]
    cutoffs: tuple[Cutoff, ...]
    spool_batches: int
    dropped: int


class Gateways(msgspec.Struct, frozen=True, kw_only=True):
    """Every gateway heard of lately, by id."""

    items: tuple[Gateway, ...]
    next: str | None


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity that releases can be judged by.

    Attributes:
        kind: ``rate``, ``quantity``, ``ratio`` or ``score``.
        unit: of its values; a change of a rate is in points, of everything else relative to stable.
        harm: which way is worse: ``increase``, ``decrease`` or ``change``.
        stat: the statistic that a guardrail is about when it names none; ``None`` for what has but one.
    """

    name: str
    kind: str
    unit: str
    harm: str
    stat: str | None
    meaning: str


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric, and the kinds of sources that any other number may come from."""

    items: tuple[Metric, ...]
    sources: tuple[str, ...]
    next: str | None = None


class ServedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as a gateway recorded it.

    Times and durations are integer microseconds, cost nano-USD; -1 is *unknown*. ``outcome`` is the user's,
    ``assigned_outcome`` that of the first attempt at the variant the unit was assigned to; the meaning of each
    field is that of :class:`tidegate.delivery.observation.Observation`.
    """

    request_id: str
    started_at_us: int
    key: str
    service: str
    path: str
    release: str
    attempt: int
    step: int
    revision: int
    variant: str
    version: str
    served: str
    served_version: str
    unit_hash: int
    propensity: int
    outcome: str
    assigned_outcome: str
    status: int
    stream: bool
    ttft_us: int
    tpot_us: int
    duration_us: int
    own_us: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    is_estimated: bool
    cost_nano_usd: int
    attempts: int
    fallbacks: int
    malformed_events: int
    finish_reason: str
    model: str
    round: int
    trace: str
    trail: tuple[tuple[str, str, int], ...]
    has_own_unit: bool = False
    keeps_format: int = -1
    is_open: bool = False
    waited_us: int = 0
    segments: str = ""
    later_attempts_us: tuple[int, ...] = ()
    surprisal_unats: int = 0
    surprisal_tokens: int = 0
    assumed_nano_usd: int = 0


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """A page of requests, newest first; ``next`` is the cursor of the following page."""

    items: tuple[ServedRequest, ...]
    next: str | None


class LogLevels(msgspec.Struct, frozen=True, kw_only=True):
    """What the processes are asked to log; ``None`` leaves each as it was started."""

    level: str | None


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change, bound to the one before by its hash."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditRows(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit log, newest first; ``next`` is the cursor of the following page."""

    items: tuple[AuditRow, ...]
    next: str | None


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the chain of the audit log is whole.

    Attributes:
        rows: how many rows stand.
        head_seq, head_hash: the newest row as it stands.
        broken_seq: the first row that does not fit, and ``reason`` why.
    """

    rows: int
    head_seq: int
    head_hash: str
    broken_seq: int | None
    reason: str
    is_whole: bool
