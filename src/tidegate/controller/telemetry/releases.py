"""What Prometheus is told of each service's release: the running one, else the latest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from tidegate.delivery.release import PauseReason, Phase
from tidegate.registry.releases import ReleaseRow
from tidegate.stats.verdict import Verdict

_MISMATCH = "sample_ratio_mismatch"


def release_families(latest: Mapping[str, ReleaseRow]) -> Iterator[Metric]:
    """Every family of releases; label values are closed sets but for the service."""
    rows = [row for _, row in sorted(latest.items())]
    yield _one_hot("tidegate_release_phase", "phase", Phase, ((row, {row.phase}) for row in rows))
    verdicts = ((row, {row.state.verdict}) for row in rows if row.state.verdict is not None)
    yield _one_hot("tidegate_verdict", "verdict", Verdict, verdicts)
    paused = ((row, set(row.state.pause_reasons)) for row in rows if row.phase.is_running)
    yield _one_hot("tidegate_release_paused", "reason", PauseReason, paused)
    yield from _numbers(rows)


def _one_hot(
    name: str,
    label: str,
    values: type[Phase | Verdict | PauseReason],
    rows: Iterable[tuple[ReleaseRow, Collection[object]]],
) -> Metric:
    family = GaugeMetricFamily(name, f"1 for the {label} of a service's latest release.", labels=("service", label))
    for row, held in rows:
        for value in values:
            family.add_metric((row.service, str(value)), float(value in held))
    return family


def _numbers(rows: list[ReleaseRow]) -> Iterator[Metric]:
    step = _gauge("tidegate_release_step", "Traffic step that the running release is in.")
    since = _gauge("tidegate_release_started_timestamp_seconds", "When the running release started, Unix time.")
    exposed = _gauge("tidegate_release_exposed_requests", "User requests assigned to the candidate in this attempt.")
    rolled = _gauge(
        "tidegate_last_rollback_timestamp_seconds", "When the latest release began to roll back, Unix time."
    )
    slow = _gauge("tidegate_time_to_stable_seconds", "Breach to the last gateway's acknowledgement of stable.")
    mismatch = _gauge("tidegate_sample_ratio_mismatch", "1 while a release is held because its arms are unequal.")
    for row in rows:
        state = row.state
        labels = (row.service,)
        if row.phase.is_running:
            step.add_metric(labels, state.step)
            mismatch.add_metric(labels, float(any(verdict.code == _MISMATCH for verdict in state.verdicts)))
            if state.started_at is not None:
                since.add_metric(labels, state.started_at.timestamp())
        exposed.add_metric(labels, state.exposed_requests)
        if state.breach is not None and state.breach.opens_incident:
            rolled.add_metric(labels, state.breach.at.timestamp())
        if state.time_to_stable is not None:
            slow.add_metric(labels, state.time_to_stable.total_seconds())
    yield from (step, since, exposed, rolled, slow, mismatch)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("service",))
