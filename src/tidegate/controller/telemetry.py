"""What control reports of itself on its Prometheus page, read from memory when the page is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.ingest import Ingest
from tidegate.controller.publisher import Publisher
from tidegate.delivery.release import Phase
from tidegate.registry.audit import Head
from tidegate.registry.releases import ReleaseRow
from tidegate.stats.verdict import Verdict


class ControlTelemetry(Collector):
    """The page; one registry of its own, so that two controls in one process do not mix."""

    def __init__(self, publisher: Publisher, gateways: GatewayRegistry, ingest: Ingest) -> None:
        self._publisher = publisher
        self._gateways = gateways
        self._ingest = ingest
        self._latest: dict[str, ReleaseRow] = {}  # by service
        self.audit_head: Head | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

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
        yield self._phases()
        yield self._verdicts()
        yield self._weights()
        if self._publisher.is_ready:
            revision = self._publisher.current.revision
            yield GaugeMetricFamily("tidegate_snapshot_revision", "Revision of the published table.", value=revision)
        live = len(self._gateways.live())
        yield GaugeMetricFamily("tidegate_gateways_live", "Gateways that may be serving.", value=live)
        dropped = sum(view.heartbeat.dropped for view in self._gateways.views())
        yield GaugeMetricFamily(
            "tidegate_gateway_observations_dropped", "Observations known gateways have lost.", value=dropped
        )
        yield CounterMetricFamily(
            "tidegate_observations_stored", "Observations stored by this process.", value=self._ingest.stored
        )
        if self.audit_head is not None:
            yield self._audit()

    def _phases(self) -> Metric:
        family = GaugeMetricFamily(
            "tidegate_release_phase", "1 for the phase of a service's latest release.", labels=("service", "phase")
        )
        for service, row in sorted(self._latest.items()):
            for phase in Phase:
                family.add_metric((service, str(phase)), float(phase is row.phase))
        return family

    def _verdicts(self) -> Metric:
        family = GaugeMetricFamily(
            "tidegate_verdict", "1 for the verdict on a service's latest release.", labels=("service", "verdict")
        )
        for service, row in sorted(self._latest.items()):
            if row.state.verdict is not None:
                for verdict in Verdict:
                    family.add_metric((service, str(verdict)), float(verdict is row.state.verdict))
        return family

    def _weights(self) -> Metric:
        family = GaugeMetricFamily(
            "tidegate_traffic_weight", "Basis points of new units by version.", labels=("service", "version")
        )
        if self._publisher.is_ready:
            for route in self._publisher.current.services.values():
                for variant in route.variants:
                    family.add_metric((route.name, variant.version), variant.weight)
        return family

    def _audit(self) -> Metric:
        head = self.audit_head
        assert head is not None
        family = GaugeMetricFamily(
            "tidegate_audit_head", "Number of the newest audit row, labelled with its hash.", labels=("hash",)
        )
        family.add_metric((head.hash,), head.seq)
        return family
