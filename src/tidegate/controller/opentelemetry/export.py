"""Sends spans and metrics to an OTLP collector over HTTP: the one module that knows OpenTelemetry's SDK (an extra).

Batches that control has stored are offered here and sent by a thread of their own; when the collector is slow or away
the queue fills and traces are dropped and counted. Nothing waits for it, neither ingest nor a release.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from tidegate import __version__
from tidegate.controller.opentelemetry.instruments import SCALE, Instruments, Labels, Series
from tidegate.controller.opentelemetry.spans import Interest, Span, is_interesting, spans_of, spans_of_copy
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.records import Record
from tidegate.delivery.telemetry_settings import OtlpSettings
from tidegate.errors import OperatorError

_LOG = structlog.get_logger("tidegate.opentelemetry")
_MOST_SPANS = 20_000  # that wait
_BATCH = 512
_PATIENCE_SECONDS = 1.0
_SCOPE = "tidegate"


class Exporters(Protocol):
    """The SDK, as far as we use it; both calls may take long and say whether it went well."""

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Send spans."""
        ...

    def send_metrics(self, instruments: Instruments, started_ns: int, now_ns: int) -> bool:
        """Send everything that was added up."""
        ...


class OtlpExport:
    """Chooses, queues and sends; runs between :meth:`start` and :meth:`stop`.

    Attributes:
        dropped: spans that found the queue full or the collector deaf.
    """

    def __init__(self, settings: OtlpSettings, exporters: Exporters | None = None) -> None:
        self._settings = settings
        self._exporters = exporters or SdkExporters(settings)
        self._interest = Interest(settings.rate, int(settings.slow * 1e6))
        self._queue: queue.Queue[Span | None] = queue.Queue(_MOST_SPANS)
        self._instruments = Instruments()
        self._lock = threading.Lock()  # of the instruments: added up by ingest, read by the sender
        self._started_ns = time.time_ns()
        self._told_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
        self._is_deaf = False
        self.dropped = 0

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def learn(self, rows: Iterable[Observation]) -> None:
        """Take observations that were stored; neither waits nor fails."""
        if self._settings.metrics:
            with self._lock:
                self._instruments.learn(rows)
        if self._settings.traces:
            for row in rows:
                if is_interesting(row, self._interest):
                    self.offer(spans_of(row))

    def learn_copies(self, records: Iterable[Record]) -> None:
        """Take pairs of a mirror; where users saw both answers, the second one is a request of its own."""
        if self._settings.traces:
            for record in records:
                if isinstance(record, PairRecord) and not record.shown:
                    self.offer(spans_of_copy(record, self._interest))

    def offer(self, spans: Iterable[Span]) -> None:
        """Have spans sent, if there is room."""
        for span in spans:
            try:
                self._queue.put_nowait(span)
            except queue.Full:
                self.dropped += 1

    def stop(self) -> None:
        """Send what waits, for a moment; then end."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return  # the collector does not keep up; the thread ends with the process
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            spans, is_over = self._next()
            if spans:
                self._told(self._exporters.send_spans(spans), len(spans))
            if is_over or time.monotonic() - self._told_at >= self._settings.interval:
                self._tell_metrics()
            if is_over:
                return

    def _next(self) -> tuple[list[Span], bool]:
        spans: list[Span] = []
        try:
            while len(spans) < _BATCH:
                span = self._queue.get(timeout=_PATIENCE_SECONDS if not spans else 0.05)
                if span is None:
                    return spans, True
                spans.append(span)
        except queue.Empty:
            pass
        return spans, False

    def _tell_metrics(self) -> None:
        self._told_at = time.monotonic()
        if self._settings.metrics:
            with self._lock:
                self._told(self._exporters.send_metrics(self._instruments, self._started_ns, time.time_ns()), 0)

    def _told(self, is_taken: bool, spans: int) -> None:
        if not is_taken:
            self.dropped += spans
        if is_taken == self._is_deaf:  # told once, not at each try
            self._is_deaf = not is_taken
            log = _LOG.info if is_taken else _LOG.warning
            log("otlp_answers" if is_taken else "otlp_does_not_answer", endpoint=self._settings.endpoint)


class SdkExporters:
    """OpenTelemetry's own exporters.

    Raises:
        OperatorError: the extra is not installed.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - an extra
                OTLPMetricExporter,
            )
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        except ImportError:
            raise OperatorError(
                "telemetry.otlp is configured and OpenTelemetry is not installed",
                code="missing_extra",
                remedy="pip install 'tidegate[opentelemetry]'",
            ) from None
        base = settings.endpoint.rstrip("/")
        self._spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", headers=settings.headers, timeout=5)
        self._metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", headers=settings.headers, timeout=5)
        own = {"service.name": "tidegate", "service.version": __version__}
        self._resource = Resource.create(own | settings.resource)

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Send spans; ``False`` when the collector did not take them."""
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

        return self._spans.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS

    def send_metrics(self, instruments: Instruments, started_ns: int, now_ns: int) -> bool:
        """Send metrics; ``False`` when the collector did not take them."""
        from opentelemetry.sdk.metrics import export  # noqa: PLC0415
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

        metrics = [
            export.Metric(
                name=instrument.name,
                description=instrument.text,
                unit=instrument.unit,
                data=export.ExponentialHistogram(
                    data_points=[_point(labels, each, started_ns, now_ns) for labels, each in series.items()],
                    aggregation_temporality=export.AggregationTemporality.CUMULATIVE,
                ),
            )
            for instrument, series in instruments.read()
            if series
        ]
        scope = export.ScopeMetrics(InstrumentationScope(_SCOPE, __version__), metrics, "")
        data = export.MetricsData([export.ResourceMetrics(self._resource, [scope], "")])
        return self._metrics.export(data) is export.MetricExportResult.SUCCESS

    def _readable(self, span: Span) -> Any:
        from opentelemetry.sdk.trace import Event, ReadableSpan  # noqa: PLC0415
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
            resource=self._resource,
            attributes=span.attributes | ({"error.type": span.error} if span.error else {}),
            events=[Event(name, timestamp=at) for name, at in span.events],
            kind=SpanKind.SERVER if span.kind == "server" else SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=InstrumentationScope(_SCOPE, __version__),
        )


def _context(trace_id: str, span_id: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=flags)


def _point(labels: Labels, series: Series, started_ns: int, now_ns: int) -> Any:
    from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint  # noqa: PLC0415

    offset, counts = _dense(series.buckets)
    return ExponentialHistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=started_ns,
        time_unix_nano=now_ns,
        count=series.count,
        sum=series.total,
        scale=SCALE,
        zero_count=series.zeros,
        positive=Buckets(offset, counts),
        negative=Buckets(0, []),
        flags=0,
        min=series.least,
        max=series.most,
    )


def _dense(buckets: Mapping[int, int]) -> tuple[int, list[int]]:
    """Offset of the first bucket, and the counts from it on."""
    if not buckets:
        return 0, []
    first, last = min(buckets), max(buckets)
    return first, [buckets.get(index, 0) for index in range(first, last + 1)]
