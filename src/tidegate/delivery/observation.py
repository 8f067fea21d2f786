"""What a gateway records of one request, and the batch it travels in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol

import msgspec


class Outcome(StrEnum):
    """How a request, or one attempt of it, ended. Closed; also a telemetry label."""

    OK = "ok"
    UPSTREAM_ERROR = "upstream_error"  # 5xx, refused, reset, malformed answer
    UPSTREAM_REJECTED = "upstream_rejected"  # 4xx of the upstream
    RATE_LIMITED = "rate_limited"  # 429 or quota of the upstream
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"  # ended without terminator or finish reason
    FILTERED = "filtered"  # content filter
    REFUSED = "refused"  # the model declined, by a structured signal
    CANCELLED = "cancelled"  # the client left
    CALLER_ERROR = "caller_error"  # refused by the gateway: bad JSON, key, service
    NO_VERSION = "no_version"  # the service has no version yet
    INTERNAL_ERROR = "internal_error"


FAILURES = frozenset(
    {Outcome.UPSTREAM_ERROR, Outcome.UPSTREAM_REJECTED, Outcome.RATE_LIMITED, Outcome.TIMEOUT, Outcome.TRUNCATED}
)


class Observation(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One request, from its arrival to its last byte.

    Two outcomes: ``outcome`` is the user's, after any rescue; ``assigned_outcome`` is that of the first
    attempt at the variant the unit was assigned to, which is what a release is judged by. Metrics of the
    assigned variant (``ttft_us`` and others) are 0 with a rescued request; read them only when
    ``variant == served``.

    Durations are integer microseconds of a monotonic clock, times integer microseconds since the Unix
    epoch, cost integer nano-USD with -1 for *unknown*; token counts are -1 when nobody told them.

    A request that takes long may be reported before it ends: ``is_open``, its age as ``duration_us`` and no outcome
    yet. Each later row of it names the age reported last in ``waited_us``.

    Columns are added at the end, with a default for batches and rows written before they existed.
    """

    request_id: str
    started_at_us: int
    key: str
    service: str
    path: str
    release: str  # "" outside releases
    attempt: int
    step: int
    revision: int
    variant: str  # assigned
    version: str  # of the assigned variant
    served: str  # variant that answered, "" if none, "fallback" for a target that is no version
    served_version: str
    unit_hash: int  # 64 bits, of salt and unit
    propensity: int  # basis points with which this variant was chosen
    outcome: str
    assigned_outcome: str
    status: int  # sent to the client, 0 if none
    stream: bool
    ttft_us: int  # start to first content event sent, 0 if none
    tpot_us: int  # (duration - ttft) / (output tokens - 1), 0 if unknown
    duration_us: int
    own_us: int  # CPU-side time in the gateway before the upstream request was written
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    is_estimated: bool  # token counts are an estimate (cancelled or broken before usage came)
    cost_nano_usd: int
    attempts: int
    fallbacks: int  # attempts that went to another deployment than the assigned one
    malformed_events: int
    finish_reason: str
    model: str  # the model that answered, as the upstream names it
    round: int = 0  # of the step: how often its weights had been set anew
    trace: str = ""  # the caller's traceparent, "" without one
    trail: tuple[tuple[str, str, int], ...] = ()  # failed attempts: provider/model, outcome, end after the start in us
    has_own_unit: bool = False  # the unit is this request alone and will not return
    keeps_format: int = -1  # 1 the answer is the JSON that was asked for, 0 it is not, -1 nobody asked or looked
    is_open: bool = False  # not ended: its end will be told
    waited_us: int = 0  # age at which the request was last reported as open, 0 if never
    segments: str = ""  # of its service, that the request of a release belongs to; separated by commas
    later_attempts_us: tuple[int, ...] = ()  # begin after the start of each attempt but the first, in us
    surprisal_unats: int = 0  # sum of -log p over the tokens of the answer, in millionths of a nat
    surprisal_tokens: int = 0  # tokens whose probability was told; 0 unless the client asked for log probabilities
    assumed_nano_usd: int = 0  # what the key's budget pays where the cost is not known: what was reserved for it

    @property
    def charged_nano_usd(self) -> int:
        """What the key's budget pays: the cost, and where that is not known what was reserved for it."""
        return self.cost_nano_usd if self.cost_nano_usd >= 0 else self.assumed_nano_usd


_MOST_NATS = 30.0  # of a mean: a perplexity of ten million million is no better known than this


class Surprised(Protocol):
    """What an observation, or a view of one, tells of probabilities."""

    @property
    def surprisal_unats(self) -> int:
        """Sum of ``-log p`` in millionths of a nat."""

    @property
    def surprisal_tokens(self) -> int:
        """Over so many tokens."""


def perplexity_of(row: Surprised) -> float | None:
    """``exp(-mean log p)`` of the answer's tokens; ``None`` when their probabilities were not told."""
    if row.surprisal_tokens <= 0:
        return None
    return math.exp(min(_MOST_NATS, max(0, row.surprisal_unats) / row.surprisal_tokens / 1e6))


def perplexity_thousandths(row: Surprised) -> int:
    """The same as an integer for histograms; 0 when it is not known."""
    value = perplexity_of(row)
    return 0 if value is None else round(1000 * value)


COLUMNS: tuple[str, ...] = Observation.__struct_fields__


class ObservationBatch(msgspec.Struct, kw_only=True):
    """Observations in the order they were recorded, each an array in the order of :data:`COLUMNS`.

    What a newer gateway adds at the end of a row is ignored, what an older one lacks there is the default.
    ``(boot_id, sequence)`` identifies the batch: control stores it and the observations in one transaction, so a batch
    sent twice counts once.
    """

    gateway: str
    boot_id: str
    sequence: int
    rows: list[Observation]

    @classmethod
    def of(cls, gateway: str, boot_id: str, sequence: int, rows: list[Observation]) -> ObservationBatch:
        """By position."""
        return cls(gateway=gateway, boot_id=boot_id, sequence=sequence, rows=rows)

    def __len__(self) -> int:
        return len(self.rows)


class EncodedBatch(msgspec.Struct, kw_only=True):
    """The same on its way: each row was encoded the moment it was recorded."""

    gateway: str
    boot_id: str
    sequence: int
    rows: list[msgspec.Raw]

    @classmethod
    def of(cls, gateway: str, boot_id: str, sequence: int, encoded: Iterable[bytes]) -> EncodedBatch:
        """A batch of observations that :func:`encode_observation` wrote."""
        return cls(gateway=gateway, boot_id=boot_id, sequence=sequence, rows=[msgspec.Raw(row) for row in encoded])

    def __len__(self) -> int:
        return len(self.rows)


encode_observation: Callable[[Observation], bytes] = msgspec.msgpack.Encoder().encode
"""An observation as it lies in a batch."""

_DECODE = msgspec.msgpack.Decoder(ObservationBatch).decode
_PLACE = re.compile(r"`\$\.rows\[(\d+)\]\[(\d+)\]`")


def decode_batch(body: bytes) -> ObservationBatch:
    """The batch that a gateway encoded.

    Raises:
        ValueError: it is none, or a value is not of its column's kind: what is added up must be whole numbers, or one
            of them would spoil every sum it enters. Row and column are named.
    """
    try:
        return _DECODE(body)
    except msgspec.DecodeError as error:
        raise ValueError(_PLACE.sub(_named, str(error))) from error


def _named(place: re.Match[str]) -> str:
    return f"{COLUMNS[int(place[2])]} of row {place[1]}"
