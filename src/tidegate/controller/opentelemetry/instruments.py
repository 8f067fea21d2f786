"""Metrics of the conventions for generative AI, added up from observations as exponential histograms.

Scale 5: bucket ``i`` holds values in (2^(i/32), 2^((i+1)/32)], the base of all our histograms, so a backend computes
quantiles to about 1 %. Sums are cumulative since the process started.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from tidegate.controller.opentelemetry import names
from tidegate.delivery.observation import FAILURES, Observation
from tidegate.stats.distribution import SCALE as BUCKETS_PER_DOUBLING

SCALE = 5  # 2 to this power are the buckets per doubling
_MOST_SERIES = 5_000  # of one metric; what comes after is counted under no label, never lost

Labels = tuple[tuple[str, str], ...]


class Instrument(NamedTuple):
    """One metric: name, unit (UCUM) and what it means."""

    name: str
    unit: str
    text: str


INSTRUMENTS = (
    Instrument(names.DURATION, "s", "Arrival of a request to the last byte of its answer."),
    Instrument(names.FIRST_TOKEN, "s", "Arrival of a request to the first content of its stream."),
    Instrument(names.PER_TOKEN, "s", "Time per output token after the first."),
    Instrument(names.TOKENS, "{token}", "Tokens of a request or its answer."),
)


class Series(msgspec.Struct):
    """Values under one set of labels."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = 0.0
    zeros: int = 0
    buckets: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Count one value, not negative."""
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)
        if value <= 0:
            self.zeros += 1
            return
        index = math.ceil(math.log2(value) * BUCKETS_PER_DOUBLING) - 1
        self.buckets[index] = self.buckets.get(index, 0) + 1


class Instruments:
    """Every series of this process."""

    def __init__(self) -> None:
        self._series: dict[str, dict[Labels, Series]] = {instrument.name: {} for instrument in INSTRUMENTS}

    def learn(self, rows: Iterable[Observation]) -> None:
        """Add up what was observed."""
        for row in rows:
            labels = _labels(row)
            self._add(names.DURATION, labels, row.duration_us / 1e6)
            if row.ttft_us > 0:
                self._add(names.FIRST_TOKEN, labels, row.ttft_us / 1e6)
            if row.tpot_us > 0:
                self._add(names.PER_TOKEN, labels, row.tpot_us / 1e6)
            for kind, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
                if tokens >= 0:
                    self._add(names.TOKENS, (*labels, (names.TOKEN_TYPE, kind)), tokens)

    def read(self) -> Iterator[tuple[Instrument, dict[Labels, Series]]]:
        """What has been added up so far."""
        for instrument in INSTRUMENTS:
            yield instrument, self._series[instrument.name]

    def _add(self, name: str, labels: Labels, value: float) -> None:
        known = self._series[name]
        found = known.get(labels)
        if found is None:
            labels = labels if len(known) < _MOST_SERIES else ()
            found = known.setdefault(labels, Series())
        found.add(value)


def _labels(row: Observation) -> Labels:
    told = (
        (names.OPERATION, names.OPERATIONS.get(row.path, row.path)),
        (names.REQUEST_MODEL, row.service),
        (names.RESPONSE_MODEL, row.model),
        (names.VERSION, row.served_version or row.version),
        (names.VARIANT, row.served or row.variant),
        (names.ERROR_TYPE, row.outcome if row.outcome in FAILURES else ""),
    )
    return tuple(pair for pair in told if pair[1])
