"""What is expected of one request to stable.

A quantity is a histogram, or log-normal with a median and a sigma; its survival function says how often a threshold
is exceeded. Failed requests exceed every threshold of a time. Of scores and ratios a mean and its variation are known.
Not every request tells everything: few users vote, and a judge reads a sample.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import msgspec

from tidegate.stats.distribution import SCALE, Distribution, lower_edge, upper_edge


class ExpectedRate(NamedTuple):
    """Share with the harmful event.

    Attributes:
        rate: within (0, 1), of the requests that tell it.
        source: ``history``, ``assumed`` (by who asks) or ``default``.
        per_request: share of the judged requests that tell it.
    """

    rate: float
    source: str
    per_request: float = 1.0


class ExpectedMean(NamedTuple):
    """A score or a ratio.

    Attributes:
        mean: in the metric's own unit.
        variation: standard deviation of one unit over the mean.
        source, per_request: as of rates.
    """

    mean: float
    variation: float
    source: str
    per_request: float = 1.0


class ExpectedQuantity(NamedTuple):
    """Values of one request, in the integer units of its metric.

    Attributes:
        counted: the histogram of history, ``None`` when log-normal.
        log_median, sigma: of the log-normal form.
        failures: share of units that count as above any value.
        per_request: units with a value (or failed) for each judged request; streams only for some metrics.
        source: as of rates.
    """

    counted: Distribution | None
    log_median: float
    sigma: float
    failures: float
    per_request: float
    source: str

    def survival(self, threshold: float) -> float:
        """Share of units above ``threshold``, failed ones among them."""
        return self.failures + (1 - self.failures) * self._above(threshold)

    def quantile(self, q: float) -> float:
        """The upper edge of the bucket of the ``q`` quantile, failures above all; infinite when it is a failure."""
        inner = q / (1 - self.failures) if self.failures < 1 else 2.0
        if inner >= 1:
            return math.inf
        if self.counted is not None:
            return self.counted.quantile(inner)
        value = math.exp(self.log_median + self.sigma * NormalDist().inv_cdf(inner))
        return upper_edge(math.ceil(math.log2(value) * SCALE) - 1)

    @property
    def mean(self) -> float:
        """Mean of the values."""
        return math.exp(self.log_median + self.sigma**2 / 2) if self.counted is None else self.counted.mean

    @property
    def variation(self) -> float:
        """Standard deviation over mean."""
        if self.counted is None:
            return math.sqrt(math.expm1(self.sigma**2))
        return self.counted.deviation / self.counted.mean if self.counted.mean else 0.0

    def _above(self, threshold: float) -> float:
        if self.counted is None:
            if threshold <= 0:
                return 1.0
            return math.erfc((math.log(threshold) - self.log_median) / self.sigma / math.sqrt(2)) / 2
        found = 0.0
        for index, count in self.counted.buckets.items():
            low, high = max(lower_edge(index), 0.5), upper_edge(index)
            if low >= threshold:
                found += count
            elif high > threshold:
                found += count * math.log(high / max(threshold, low)) / math.log(high / low)
        return found / self.counted.count


Expected = ExpectedRate | ExpectedQuantity | ExpectedMean


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of stable.

    Attributes:
        metrics: by the metric's name; of what nobody knows anything there is none.
        samples: judged requests of history that it rests on.
        input_tokens, output_tokens, cost_usd: means of a request, for exposure.
        requests_per_unit: how many requests one unit makes.
        correlation: between the outcomes of two requests of one unit; ``None`` when nobody knows.
        segments: share of the units that belong to each; of others it is not known.
    """

    metrics: dict[str, Expected]
    samples: int
    input_tokens: float
    output_tokens: float
    cost_usd: float
    requests_per_unit: float
    correlation: float | None = None
    segments: dict[str, float] = {}
