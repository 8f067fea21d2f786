"""What control reports of itself on its Prometheus page, read from memory when the page is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.ingest import Ingest
from tidegate.controller.publisher import Publisher
from tidegate.controller.telemetry.releases import release_families
from tidegate.controller.telemetry.stored import StoredFigures, stored_families
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.loop_lag import LAG_BUCKETS
from tidegate.registry.audit import Head
from tidegate.registry.releases import ReleaseRow


class ControlTelemetry(Collector):
    """The page; one registry of its own, so that two controls in one process do not mix.

    Args:
        is_leading: whether this process decides.
        model_servers: what the model servers tell.

    Attributes:
        stored: what was read of the database last; ``None`` while nobody could read it.
    """

    def __init__(
        self,
        publisher: Publisher,
        gateways: GatewayRegistry,
        ingest: Ingest,
        is_leading: Callable[[], bool],
        model_servers: Callable[[], Iterable[Metric]] = tuple,
    ) -> None:
        self._model_servers = model_servers
        self._is_leading = is_leading
        self.stored: StoredFigures | None = None
        self._publisher = publisher
        self._gateways = gateways
        self._ingest = ingest
        self._latest: dict[str, ReleaseRow] = {}  # by service
        self.audit_head: Head | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self.loop_lag = Histogram(
            "tidegate_event_loop_lag_seconds",
            "How late the event loop came to what was due.",
            buckets=LAG_BUCKETS,
            registry=self._registry,
        )

    def learn(self, row: ReleaseRow) -> None:
        """The release was committed like this; the running one of a service is shown, else its latest."""
        shown = self._latest.get(row.service)
        if shown is None or shown.id <= row.id or (row.phase.is_running and not shown.phase.is_running):
            self._latest[row.service] = row

    def page(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Everything, for the registry."""
        yield from release_families(self._latest)
        yield from self._model_servers()
        if self.stored is not None:
            yield from stored_families(self.stored)
        yield self._weights()
        yield GaugeMetricFamily("tidegate_leader", "1 while this process decides.", value=float(self._is_leading()))
        if self._publisher.is_ready:
            revision = self._publisher.current.revision
            yield GaugeMetricFamily("tidegate_snapshot_revision", "Revision of the published table.", value=revision)
        yield from self._of_gateways()
        yield CounterMetricFamily(
            "tidegate_observations_stored", "Observations stored by this process.", value=self._ingest.stored
        )
        yield CounterMetricFamily(
            "tidegate_observations_late",
            "Of those, of requests whose step was over when they came: they decide nothing any more.",
            value=self._ingest.late,
        )
        if self.audit_head is not None:
            yield self._audit()

    def _of_gateways(self) -> Iterator[Metric]:
        live = len(self._gateways.live())
        yield GaugeMetricFamily("tidegate_gateways_live", "Gateways that may be serving.", value=live)
        named = ("gateway",)
        dropped = GaugeMetricFamily("tidegate_gateway_observations_dropped", "Observations it has lost.", labels=named)
        revision = GaugeMetricFamily("tidegate_gateway_revision", "Revision that it serves.", labels=named)
        silent = GaugeMetricFamily("tidegate_gateway_silent_seconds", "Since its last heartbeat.", labels=named)
        for view in self._gateways.views():
            beat = view.heartbeat
            dropped.add_metric((beat.gateway,), beat.dropped)
            revision.add_metric((beat.gateway,), beat.revision)
            silent.add_metric((beat.gateway,), view.silent_seconds)
        yield from (dropped, revision, silent)

    def _weights(self) -> Metric:
        family = GaugeMetricFamily(
            "tidegate_traffic_weight", "Share of new units by version, 0 to 1.", labels=("service", "version")
        )
        if self._publisher.is_ready:
            for route in self._publisher.current.services.values():
                for variant in route.variants:
                    family.add_metric((route.name, variant.version), variant.weight / TOTAL_WEIGHT)
        return family

    def _audit(self) -> Metric:
        head = self.audit_head
        assert head is not None
        family = GaugeMetricFamily(
            "tidegate_audit_head", "Number of the newest audit row, labelled with its hash.", labels=("hash",)
        )
        family.add_metric((head.hash,), head.seq)
        return family
