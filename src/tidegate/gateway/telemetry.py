"""What a gateway counts for Prometheus: plain numbers, made into text by :mod:`telemetry_page` when somebody scrapes.

The hot path only adds numbers to lists. Series live as long as the process, one per service, version and variant, so
a table swap never resets a counter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence

from tidegate.delivery.observation import Outcome
from tidegate.gateway.limits.limiter import Limiter
from tidegate.gateway.mirror.tally import MirrorTotals
from tidegate.loop_lag import LAG_BUCKETS

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
FIRST_TOKEN_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
PER_TOKEN_BUCKETS = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
OVERHEAD_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1)

_OUTCOMES = tuple(Outcome)


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


class Series:
    """The numbers of one variant of one service."""

    __slots__ = (
        "cache_hits",
        "cached_tokens",
        "cost_nano_usd",
        "duration",
        "failed_cost_nano_usd",
        "failed_input_tokens",
        "failed_output_tokens",
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

    def __init__(self, service: str, version: str, variant: str, gateway: str = "") -> None:
        self.version = version
        self.labels = labels_of(service=service, version=version, variant=variant, gateway=gateway)
        self.outcomes: dict[Outcome, int] = dict.fromkeys(_OUTCOMES, 0)
        self.duration = Histogram(DURATION_BUCKETS)
        self.first_token = Histogram(FIRST_TOKEN_BUCKETS)
        self.per_token = Histogram(PER_TOKEN_BUCKETS)
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0
        self.cache_hits = 0
        self.cost_nano_usd = 0
        self.failed_input_tokens = 0
        self.failed_output_tokens = 0
        self.failed_cost_nano_usd = 0
        self.fallbacks = 0
        self.in_flight = 0


class Telemetry:
    """Every series of one gateway process.

    Args:
        gateway: id of the process, a label of each of its series: workers that share a socket are scraped together,
            and only apart can each of them restart without a counter of the whole seeming to fall.

    Attributes:
        weights: labels and basis points of each version that is served.
        open_streams: streamed answers that are being relayed.
        overhead: own time before the upstream request was written.
        loop_lag: how late the event loop came to what was due, asked twice a second.
        dropped, records_dropped: asked when scraped: observations and records lost since the start.
        mirrors: copies by service and version, told apart from users' requests.
        pins: asked when scraped: conversations' pins held now, and lost since the start.
        limiters: asked when scraped: keys with limits.
    """

    __slots__ = (
        "_series",
        "dropped",
        "gateway",
        "limiters",
        "loop_lag",
        "mirrors",
        "open_streams",
        "overhead",
        "pins",
        "records_dropped",
        "revision",
        "weights",
    )

    def __init__(
        self,
        dropped: Callable[[], int] = lambda: 0,
        records_dropped: Callable[[], int] = lambda: 0,
        gateway: str = "",
    ) -> None:
        self.gateway = gateway
        self._series: dict[tuple[str, str, str], Series] = {}
        self.weights: list[tuple[str, int]] = []
        self.open_streams = 0
        self.loop_lag = Histogram(LAG_BUCKETS)
        self.overhead = Histogram(OVERHEAD_BUCKETS)
        self.dropped = dropped
        self.records_dropped = records_dropped
        self.revision = 0
        self.mirrors: Mapping[tuple[str, str], MirrorTotals] = {}
        self.pins: Callable[[], Mapping[str, int]] = lambda: {"held": 0, "lost": 0}
        self.limiters: Callable[[], Iterable[Limiter]] = lambda: ()

    def series(self, service: str, version: str, variant: str) -> Series:
        """The series of these labels, made when first asked for."""
        key = (service, version, variant)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series(service, version, variant, self.gateway)
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
        self.weights = [
            (labels_of(service=service, version=version, gateway=self.gateway), weight)
            for service, version, weight in weights
        ]

    def every(self) -> tuple[Series, ...]:
        """All series, in the order they were first asked for."""
        return tuple(self._series.values())


def labels_of(**labels: str) -> str:
    """As they stand between the braces of a sample; ``gateway`` is left out where it is empty."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value or name != "gateway")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
