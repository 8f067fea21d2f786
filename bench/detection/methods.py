"""What decides: the product's own analysis, and what people use now. Each sees requests one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from worlds import Request

from tidegate.delivery.evidence.analysis import judge_guardrails
from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Outcome
from tidegate.delivery.release import Baseline
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution, bucket
from tidegate.stats.verdict import Verdict

ALPHA = 0.05
LOOK = 25  # requests between two looks of the methods that look all the time
WINDOW = 500  # requests in a window of the methods that compare windows
Z_TWO_SIDED = 1.959963984540054
Z_ONE_SIDED = 1.6448536269514722


class Method(Protocol):
    """One release that is watched."""

    def see(self, request: Request) -> bool:
        """Whether the release is rolled back after this request."""


class _Arm:
    """Counts of one variant as control folds them."""

    def __init__(self) -> None:
        self.requests = self.errors = self.total = self.squares = 0
        self.buckets: Counter[int] = Counter()

    def add(self, request: Request) -> None:
        self.requests += 1
        if request.is_error:
            self.errors += 1
            return
        self.total += request.latency_us
        self.squares += request.latency_us**2
        self.buckets[bucket(request.latency_us)] += 1

    def summary(self) -> Summary:
        fine = self.requests - self.errors
        return Summary(
            requests=self.requests,
            units=self.requests,
            outcomes={Outcome.OK: fine, Outcome.UPSTREAM_ERROR: self.errors},
            latency=Distribution(fine, self.total, self.squares, self.buckets),
        )


class Tidegate:
    """``delivery.evidence.analysis.judge_guardrails`` on one guardrail, at every look.

    Args:
        share: of the candidate.
        baseline: what was frozen of stable in the step before, for quantiles.
    """

    def __init__(self, guardrail: GuardrailSpec, share: float, baseline: float = 0.0, least: int = 50) -> None:
        self._guardrail = guardrail
        self._share = share
        name = metric_name(guardrail)
        self._baselines = {name: Baseline(metric=name, value=baseline)} if baseline else {}
        self._least = least
        self._arms = (_Arm(), _Arm())
        self._seen = 0

    def see(self, request: Request) -> bool:
        self._arms[request.is_candidate].add(request)
        self._seen += 1
        return self._seen % LOOK == 0 and self.verdict() is Verdict.FAIL

    def verdict(self) -> Verdict:
        stable, candidate = (arm.summary() for arm in self._arms)
        both = Concurrent(candidate, stable, self._share, self._baselines, stable)
        (found,) = judge_guardrails(
            [self._guardrail], candidate, candidate, alpha=ALPHA, least=self._least, concurrent=both
        )
        return found.verdict


class Windows:
    """Compares windows and rolls back when ``least`` of the last ``among`` are breached.

    Args:
        is_breached: given the candidate's and stable's requests of one window.
    """

    def __init__(
        self, is_breached: Callable[[list[Request], list[Request]], bool], least: int = 1, among: int = 1
    ) -> None:
        self._is_breached = is_breached
        self._least, self._among = least, among
        self._arms: tuple[list[Request], list[Request]] = ([], [])
        self._found: list[bool] = []

    def see(self, request: Request) -> bool:
        self._arms[request.is_candidate].append(request)
        if sum(map(len, self._arms)) < WINDOW:
            return False
        stable, candidate = self._arms
        self._found = [*self._found, self._is_breached(candidate, stable)][-self._among :]
        self._arms = ([], [])
        return sum(self._found) >= self._least


def errors_times(factor: float) -> Callable[[list[Request], list[Request]], bool]:
    """``candidate error rate > factor * stable error rate``."""
    return lambda candidate, stable: _rate(candidate) > factor * _rate(stable)


def p95_times(factor: float) -> Callable[[list[Request], list[Request]], bool]:
    """``candidate p95 > factor * stable p95``."""
    return lambda candidate, stable: _p95(candidate) > factor * _p95(stable)


def mann_whitney(key: Callable[[Request], float]) -> Callable[[list[Request], list[Request]], bool]:
    """One-sided Mann-Whitney at 5 %, with ties corrected."""

    def is_breached(candidate: list[Request], stable: list[Request]) -> bool:
        n, m = len(candidate), len(stable)
        if not (n and m):
            return False
        ranked = sorted([(key(r), 1) for r in candidate] + [(key(r), 0) for r in stable])
        rank_sum, ties, start = 0.0, 0, 0
        while start < len(ranked):
            end = start
            while end < len(ranked) and ranked[end][0] == ranked[start][0]:
                end += 1
            size = end - start
            rank_sum += (start + end + 1) / 2 * sum(arm for _, arm in ranked[start:end])
            ties += size**3 - size
            start = end
        total = n + m
        variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
        u = rank_sum - n * (n + 1) / 2
        return variance > 0 and (u - n * m / 2) / math.sqrt(variance) > Z_ONE_SIDED

    return is_breached


class ZTest:
    """A pooled two-proportion z-test at 5 %, one-sided, on all requests so far, at every look.

    Args:
        is_event: what is counted.
    """

    def __init__(self, is_event: Callable[[Request], bool]) -> None:
        self._is_event = is_event
        self._counts = [0, 0, 0, 0]  # events and requests of stable, then of the candidate

    def see(self, request: Request) -> bool:
        at = 2 * request.is_candidate
        self._counts[at] += self._is_event(request)
        self._counts[at + 1] += 1
        y, m, x, n = self._counts
        pooled = (x + y) / (n + m)
        if (n + m) % LOOK or min(n, m) < 50 or not 0 < pooled < 1:
            return False
        return (x / n - y / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)) > Z_ONE_SIDED


def _rate(found: list[Request]) -> float:
    return sum(request.is_error for request in found) / len(found) if found else 0.0


def _p95(found: list[Request]) -> float:
    values = sorted(request.latency_us for request in found)
    return float(values[max(0, math.ceil(0.95 * len(values)) - 1)]) if values else 0.0
