"""``assume:`` of a plan: what is said where history is silent."""

from __future__ import annotations

import msgspec

from tidegate.delivery.quantities import Share


class AssumedQuantity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Log-normal values.

    Attributes:
        median: in the metric's own unit: seconds, USD, tokens.
        sigma: standard deviation of the natural log.
    """

    median: float
    sigma: float = 0.7


class AssumedMean(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A score or a ratio.

    Attributes:
        mean: in the metric's own unit, above 0.
        deviation: standard deviation of one unit's value.
    """

    mean: float
    deviation: float


class AssumeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``assume:`` of a plan: what to reckon with where history is silent; what is given here overrules history.

    Attributes:
        requests_per_hour: of the service.
        requests_per_unit: how many requests one unit makes within a step.
        rates: metric -> share of requests; of good ones where the metric is such a share (``feedback:thumbs_up``).
        means: score or ratio (``judge:kind``, ``tokens_per_second``) -> what one unit has.
        told_by: metric -> share of the requests that tell it: who votes, what a judge reads.
        segments: segment -> share of the units that belong to it.
        latency, ttft, tpot: seconds, of answers.
        cost_per_request: USD.
        input_tokens, output_tokens: mean of a request.
        streams: share of requests that ask for a stream.
    """

    requests_per_hour: float | None = None
    requests_per_unit: float | None = None
    rates: dict[str, Share] = {}
    means: dict[str, AssumedMean] = {}
    told_by: dict[str, Share] = {}
    segments: dict[str, Share] = {}
    latency: AssumedQuantity | None = None
    ttft: AssumedQuantity | None = None
    tpot: AssumedQuantity | None = None
    cost_per_request: AssumedQuantity | None = None
    output_tokens: AssumedQuantity | None = None
    input_tokens: float | None = None
    streams: Share | None = None
