"""What is told to others of requests and processes, beside the Prometheus pages, as people declare it."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.quantities import Seconds, Share

RequestLog = Literal["off", "failed", "all"]


class OtlpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An OpenTelemetry collector, and what is worth sending to it.

    Attributes:
        endpoint: of its OTLP over HTTP, without ``/v1/traces``; such as ``http://127.0.0.1:4318``.
        headers: sent with each request; values may come from the environment.
        traces, metrics: what is sent.
        rate: part of all requests that is traced, beside failed, slow and a candidate's ones.
        slow: what counts as slow.
        interval: between two sendings of metrics.
        resource: attributes of the resource, beside ``service.name``.
    """

    endpoint: str
    headers: dict[str, str] = {}
    traces: bool = True
    metrics: bool = True
    rate: Share = Share(0.01)
    slow: Seconds = Seconds(10)
    interval: Seconds = Seconds(60)
    resource: dict[str, str] = {}


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of one installation.

    Attributes:
        otlp: where traces and metrics go (needs the extra ``opentelemetry``); ``None`` sends none.
        request_log: a line of the log for no request, each failed one, or every one.
    """

    otlp: OtlpSettings | None = None
    request_log: RequestLog = "off"
