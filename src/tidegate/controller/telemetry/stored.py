"""What the database knows and the page tells: promises of services, open incidents, messages that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric

from tidegate.delivery.service import ObjectivesSpec
from tidegate.registry import incidents, outbox
from tidegate.registry.database import Database
from tidegate.registry.services import list_services


class StoredFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Read at each scrape.

    Attributes:
        objectives: by service, where it promises anything.
        open_incidents: by service.
        unsent: by sink, messages not delivered yet.
    """

    objectives: dict[str, ObjectivesSpec]
    open_incidents: dict[str, int]
    unsent: dict[str, int]


async def read_figures(database: Database) -> StoredFigures:
    """One consistent read."""
    async with database.read() as connection:
        services = await list_services(connection)
        return StoredFigures(
            objectives={s.name: s.spec.objectives for s in services if s.spec.objectives != ObjectivesSpec()},
            open_incidents=Counter(await incidents.services_with_open(connection)),
            unsent=await outbox.count_unsent(connection),
        )


def stored_families(figures: StoredFigures) -> Iterator[Metric]:
    """As families of the page."""
    promised = GaugeMetricFamily(
        "tidegate_service_objective",
        "What a service promises: availability (share), ttft_seconds (p95), cost_usd (mean of a request).",
        labels=("service", "objective"),
    )
    for service, spec in sorted(figures.objectives.items()):
        named = {"availability": spec.availability, "ttft_seconds": spec.ttft, "cost_usd": spec.cost_per_request}
        for name, value in named.items():
            if value is not None:
                promised.add_metric((service, name), float(value))
    yield promised
    yield _by("tidegate_incidents_open", "Incidents whose rollback is not complete.", "service", figures.open_incidents)
    yield _by("tidegate_notifications_waiting", "Messages not delivered yet.", "sink", figures.unsent)


def _by(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, count in sorted(counts.items()):
        family.add_metric((key,), count)
    return family
