"""What a gateway says of itself to Prometheus: plain counters, rendered when somebody scrapes.

The hot path only adds numbers to lists; text is built by :meth:`Telemetry.render`. Series live as long as
the process, one per service, version and variant, so a table swap never resets a counter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from tidegate.delivery.observation import Outcome

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
FIRST_TOKEN_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
PER_TOKEN_BUCKETS = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
OVERHEAD_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1)

_OUTCOMES = tuple(outcome.value for outcome in Outcome)


class Histogram:
    """Counts by upper bound, in seconds.

    Args:
        bounds: ascending; a value equal to a bound belongs to it.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def lines(self, name: str, labels: str) -> Iterable[str]:
        """In Prometheus' text format, cumulative."""
        running = 0
        separator = "," if labels else ""
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            running += count
            yield f'{name}_bucket{{{labels}{separator}le="{bound}"}} {running}'
        yield f"{name}_sum{{{labels}}} {self.total:.6f}"
        yield f"{name}_count{{{labels}}} {running}"


class Series:
    """The numbers of one variant of one service."""

    __slots__ = (
        "cached_tokens",
        "cost_nano_usd",
        "duration",
        "fallbacks",
        "first_token",
        "in_flight",
        "input_tokens",
        "labels",
        "outcomes",
        "output_tokens",
        "per_token",
        "version",
    )

    def __init__(self, service: str, version: str, variant: str) -> None:
        self.version = version
        self.labels = _labels(service=service, version=version, variant=variant)
        self.outcomes: dict[str, int] = dict.fromkeys(_OUTCOMES, 0)
        self.duration = Histogram(DURATION_BUCKETS)
        self.first_token = Histogram(FIRST_TOKEN_BUCKETS)
        self.per_token = Histogram(PER_TOKEN_BUCKETS)
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0
        self.cost_nano_usd = 0
        self.fallbacks = 0
        self.in_flight = 0


class Telemetry:
    """Every series of one gateway process.

    Attributes:
        overhead: own time before the upstream request was written.
        dropped, records_dropped: asked when scraped: observations and records lost since the start.
    """

    __slots__ = ("_series", "_weights", "dropped", "overhead", "records_dropped", "revision")

    def __init__(self, dropped: Callable[[], int] = lambda: 0, records_dropped: Callable[[], int] = lambda: 0) -> None:
        self._series: dict[tuple[str, str, str], Series] = {}
        self._weights: list[tuple[str, int]] = []
        self.overhead = Histogram(OVERHEAD_BUCKETS)
        self.dropped = dropped
        self.records_dropped = records_dropped
        self.revision = 0

    def series(self, service: str, version: str, variant: str) -> Series:
        """The series of these labels, made when first asked for."""
        key = (service, version, variant)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series(service, version, variant)
        return found

    def in_flight(self) -> dict[str, int]:
        """Requests under way by version reference, for the heartbeat."""
        under_way: dict[str, int] = {}
        for series in self._series.values():
            if series.in_flight:
                under_way[series.version] = under_way.get(series.version, 0) + series.in_flight
        return under_way

    def show_table(self, revision: int, weights: Iterable[tuple[str, str, int]]) -> None:
        """A new table is in force: its revision and ``(service, version, basis points)``."""
        self.revision = revision
        self._weights = [(_labels(service=service, version=version), weight) for service, version, weight in weights]

    def render(self) -> bytes:
        """The page in Prometheus' text format 0.0.4."""
        return ("\n".join(self._lines()) + "\n").encode()

    def _lines(self) -> Iterable[str]:
        yield from self._request_lines()
        yield from self._histogram_lines()
        yield from self._token_lines()
        yield from _head("tidegate_overhead_seconds", "histogram", "Own time before the upstream request is written.")
        yield from self.overhead.lines("tidegate_overhead_seconds", "")
        yield from _head("tidegate_traffic_weight", "gauge", "Share of new units by version, 0 to 1.")
        for labels, weight in self._weights:
            yield f"tidegate_traffic_weight{{{labels}}} {weight / 10_000}"
        yield from _head("tidegate_snapshot_revision", "gauge", "Revision of the routing table in force.")
        yield f"tidegate_snapshot_revision {self.revision}"
        yield from _head("tidegate_observations_dropped_total", "counter", "Observations lost to a full spool.")
        yield f"tidegate_observations_dropped_total {self.dropped()}"
        yield from _head("tidegate_records_dropped_total", "counter", "Feedback and kept content lost to a full spool.")
        yield f"tidegate_records_dropped_total {self.records_dropped()}"

    def _request_lines(self) -> Iterable[str]:
        every = self._series.values()
        yield from _head(
            "tidegate_requests_total", "counter", "Requests by the variant assigned and the user's outcome."
        )
        for series in every:
            for outcome, count in series.outcomes.items():
                if count:
                    yield f'tidegate_requests_total{{{series.labels},outcome="{outcome}"}} {count}'
        yield from _head(
            "tidegate_in_flight", "gauge", "Requests under way at an upstream, by the variant that serves."
        )
        for series in every:
            yield f"tidegate_in_flight{{{series.labels}}} {series.in_flight}"
        yield from _head(
            "tidegate_fallbacks_total", "counter", "Attempts that went elsewhere than the variant assigned."
        )
        for series in every:
            yield f"tidegate_fallbacks_total{{{series.labels}}} {series.fallbacks}"

    def _histogram_lines(self) -> Iterable[str]:
        for name, attribute, text in _HISTOGRAMS:
            yield from _head(name, "histogram", text)
            for series in self._series.values():
                yield from getattr(series, attribute).lines(name, series.labels)

    def _token_lines(self) -> Iterable[str]:
        yield from _head("tidegate_tokens_total", "counter", "Tokens of delivered answers by the variant that served.")
        for series in self._series.values():
            for direction, count in (
                ("input", series.input_tokens),
                ("output", series.output_tokens),
                ("cached", series.cached_tokens),
            ):
                yield f'tidegate_tokens_total{{{series.labels},direction="{direction}"}} {count}'
        yield from _head("tidegate_cost_usd_total", "counter", "Cost of delivered answers whose price is known.")
        for series in self._series.values():
            yield f"tidegate_cost_usd_total{{{series.labels}}} {series.cost_nano_usd / 1e9:.9f}"


_HISTOGRAMS = (
    ("tidegate_request_duration_seconds", "duration", "Arrival to last byte, by the variant assigned."),
    (
        "tidegate_time_to_first_token_seconds",
        "first_token",
        "Arrival to first content event, by the variant that served.",
    ),
    ("tidegate_time_per_output_token_seconds", "per_token", "Pace after the first token, by the variant that served."),
)


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
