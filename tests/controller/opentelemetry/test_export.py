"""Export over the real SDK to a real HTTP server; a collector that is away costs nobody anything."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes.observations import observation

from tidegate.controller.opentelemetry import names
from tidegate.controller.opentelemetry.export import OtlpExport
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.telemetry_settings import OtlpSettings
from tidegate.delivery.trace import span_of


class Collector:
    def __init__(self) -> None:
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.headers: list[str | None] = []
        self.url = ""

    def take(self, path: str, body: bytes) -> None:
        kinds = {"/v1/traces": (ExportTraceServiceRequest, self.traces)}
        kinds["/v1/metrics"] = (ExportMetricsServiceRequest, self.metrics)
        kind, kept = kinds[path]
        kept.append(kind.FromString(body))


@contextmanager
def collecting() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_packed = self.headers.get("content-encoding") == "gzip"
            made.headers.append(self.headers.get("x-team"))
            made.take(self.path, gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_spans_and_metrics_arrive_as_the_protocol_says():
    with collecting() as collector:
        export = OtlpExport(OtlpSettings(endpoint=collector.url, headers={"x-team": "shop"}, rate=1.0))
        export.start()
        export.learn([observation(outcome="timeout", assigned_outcome="timeout", status=504), observation()])
        export.stop()
    spans = [
        span
        for request in collector.traces
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {span.span_id.hex() for span in spans} == {span_of("req_1"), span_of("req_1", 1)}
    failed = [span for span in spans if span.status.code == 2]
    assert [span.status.message for span in failed] == ["timeout"]
    resource = {each.key: each.value.string_value for each in collector.traces[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "tidegate"
    assert set(collector.headers) == {"shop"}

    (metrics,) = collector.metrics
    told = {each.name: each for each in metrics.resource_metrics[0].scope_metrics[0].metrics}
    assert told[names.DURATION].unit == "s"
    points = told[names.DURATION].exponential_histogram.data_points
    assert (sum(point.count for point in points), {point.scale for point in points}) == (2, {5})
    assert sum(sum(point.positive.bucket_counts) for point in points) == 2


class Deaf:
    """A collector that takes nothing."""

    def __init__(self) -> None:
        self.tried = 0

    def send_spans(self, spans) -> bool:
        self.tried += 1
        return False

    def send_metrics(self, instruments, started_ns, now_ns) -> bool:
        return False


def test_a_deaf_collector_loses_traces_and_they_are_counted():
    deaf = Deaf()
    export = OtlpExport(OtlpSettings(endpoint="http://127.0.0.1:1", rate=1.0), deaf)
    export.start()
    export.learn([observation()])
    export.stop()
    assert (deaf.tried, export.dropped) == (1, 2)


def test_a_full_queue_drops_and_never_waits():
    export = OtlpExport(OtlpSettings(endpoint="http://127.0.0.1:1", rate=1.0, metrics=False), Deaf())
    export.learn(observation(request_id=f"req_{number}") for number in range(11_000))  # nobody sends yet
    assert export.dropped == 2_000


def test_copies_of_a_mirror_are_sent_and_answers_that_users_saw_are_not():
    deaf = Deaf()
    export = OtlpExport(OtlpSettings(endpoint="http://127.0.0.1:1", rate=0.0), deaf)
    pair = PairRecord(stable=observation(), candidate=observation(variant="candidate", release="rel_1"))
    export.learn_copies([pair, msgspec.structs.replace(pair, shown=("stable", "candidate"))])
    export.start()
    export.stop()
    assert export.dropped == 3  # the request, its attempt and the copy of the first pair; the collector took none
