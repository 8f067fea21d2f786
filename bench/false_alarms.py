"""False alarms and power of the methods that judge a release, in worlds with fixed seeds.

    python bench/false_alarms.py [--runs 400] [--seed 0]

Every world is a stream of units that a coin sends to one of two arms; each method looks as often as the row says and
stops at its first alarm. `naive z` is what the comparison replaces: a pooled two-proportion z-test at each look.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from tidegate.stats.arm_prediction import (
    Stratum,
    log_evidence_of_frequent_harm,
    log_evidence_of_harm,
    log_ratio_interval,
)
from tidegate.stats.asymptotic import MINIMUM_VALUES, Pair, log_ratio_of_means
from tidegate.stats.comparison import difference_of_rates
from tidegate.stats.distribution import Distribution
from tidegate.stats.sample_ratio import log_mismatch

ALPHA = 0.05
ENOUGH = -math.log(ALPHA)
Step = tuple[float, int, float, float]  # share, units, rates of stable and candidate
Method = Callable[[list[Stratum]], bool]


def e_process(strata: list[Stratum]) -> bool:
    return log_evidence_of_harm(strata) >= ENOUGH


def frequent(strata: list[Stratum]) -> bool:
    return log_evidence_of_frequent_harm(strata, [0.3] * len(strata)) >= ENOUGH


def pooled_e_process(strata: list[Stratum]) -> bool:
    total = [sum(column) for column in list(zip(*strata, strict=True))[1:]]
    share = sum(s.share * (s.candidate_trials + s.stable_trials) for s in strata) / max(1, total[1] + total[3])
    return log_evidence_of_harm([Stratum(share, *total)]) >= ENOUGH


def naive_z(strata: list[Stratum]) -> bool:
    x, n, y, m = (sum(column) for column in list(zip(*strata, strict=True))[1:])
    pooled = (x + y) / max(1, n + m)
    if not (n and m and 0 < pooled < 1):
        return False
    return abs((x / n - y / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))) > 1.96


def points(strata: list[Stratum]) -> bool:
    (s,) = strata
    found = difference_of_rates((s.candidate_events, s.candidate_trials), (s.stable_events, s.stable_trials), ALPHA)
    return found.lower > 0


def mismatch(strata: list[Stratum]) -> bool:
    return any(
        log_mismatch((s.candidate_trials, s.stable_trials), (s.share, 1 - s.share)) > -math.log(0.001) for s in strata
    )


def stopped_at(seed: int, steps: list[Step], method: Method, every: int, onset: int = 0) -> int | None:
    """Units until the first alarm, ``None`` without one. ``every`` 0 looks after each event."""
    generator, done, seen = random.Random(seed), [], 0
    for share, units, stable, candidate in steps:
        counts = [0, 0, 0, 0]
        for _ in range(units):
            seen += 1
            is_candidate = generator.random() < share
            is_event = generator.random() < (candidate if is_candidate else stable)
            counts[0 if is_candidate else 2] += is_event
            counts[1 if is_candidate else 3] += 1
            is_look = (is_event if every == 0 else seen % every == 0) and seen >= onset
            if is_look and method([*done, Stratum(share, *counts)]):
                return seen
        done.append(Stratum(share, *counts))
    return None


def slower(seed: int, factor: float, share: float = 0.5, units: int = 20_000, every: int = 200) -> int | None:
    """p95 by exceedances of a threshold frozen from 500 earlier values of stable, log-normal latency."""
    generator = random.Random(seed)
    earlier = sorted(generator.lognormvariate(0, 0.7) for _ in range(500))
    threshold, counts = earlier[474], [0, 0, 0, 0]
    for n in range(1, units + 1):
        is_candidate = generator.random() < share
        is_event = generator.lognormvariate(0, 0.7) * (factor if is_candidate else 1) > threshold
        counts[0 if is_candidate else 2] += is_event
        counts[1 if is_candidate else 3] += 1
        if n % every == 0 and e_process([Stratum(share, *counts)]):
            return n
    return None


def dearer(seed: int, factor: float, units: int = 4_000, every: int = 100) -> int | None:
    """Cost per request, log-normal, by AsympCS of the log of the ratio of means."""
    generator, arms = random.Random(seed), [Distribution(), Distribution()]
    for n in range(1, units + 1):
        arm = generator.random() < 0.5
        arms[arm] += Distribution.of(int(10_000 * generator.lognormvariate(0, 0.6) * (factor if arm else 1)))
        if n % every or min(a.count for a in arms) < MINIMUM_VALUES:
            continue
        if log_ratio_of_means([Pair(arms[1], arms[0])], ALPHA, horizon=units).lower > 0:
            return n
    return None


def worlds() -> Iterator[tuple[str, str, int, Callable[[int], int | None]]]:
    """(world, method, part of the runs in percent, one run)."""
    equal = [(0.2, 10_000, 0.03, 0.03)]
    yield "equal arms, look at each event", "e-process", 100, lambda s: stopped_at(s, equal, e_process, 0)
    yield "equal arms, look at each request", "naive z", 100, lambda s: stopped_at(s, equal, naive_z, 1, 200)
    often = [(0.2, 5_000, 0.3, 0.3)]
    yield "equal arms, 30 % errors, each 50", "frequent e-process", 100, lambda s: stopped_at(s, often, frequent, 50)
    yield "equal arms, each 100", "difference of bounds", 50, lambda s: stopped_at(s, equal, points, 100)
    yield "equal arms, each 100", "sample ratio (0.1 %)", 100, lambda s: stopped_at(s, equal, mismatch, 100)
    ramp = [(0.01, 20_000, 0.005, 0.005), (0.05, 10_000, 0.01, 0.01), (0.5, 10_000, 0.02, 0.02)]
    yield "ramp, base rate 0.5 → 2 %", "e-process, stratified", 50, lambda s: stopped_at(s, ramp, e_process, 0)
    yield "ramp, base rate 0.5 → 2 %", "e-process, pooled", 50, lambda s: stopped_at(s, ramp, pooled_e_process, 100)
    bad = [(0.05, 40_000, 0.01, 0.05)]
    yield "5 % candidate, errors 1 → 5 %", "e-process", 50, lambda s: stopped_at(s, bad, e_process, 0)
    doubled = [(0.05, 80_000, 0.01, 0.02)]
    yield "5 % candidate, errors 1 → 2 %", "e-process", 25, lambda s: stopped_at(s, doubled, e_process, 0)
    yield "p95 equal, 50/50", "exceedances", 100, lambda s: slower(s, 1.0)
    yield "p95 +20 %, 50/50", "exceedances", 100, lambda s: slower(s, 1.2)
    yield "cost equal, 50/50", "AsympCS", 50, lambda s: dearer(s, 1.0)
    yield "cost +10 %, 50/50", "AsympCS", 50, lambda s: dearer(s, 1.1)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=400)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    print("| world | method | runs | alarms | ± | median units to the alarm |\n|---|---|---:|---:|---:|---:|")
    for world, method, percent, once in worlds():
        runs = max(1, chosen.runs * percent // 100)
        found = [once(seed) for seed in range(chosen.seed, chosen.seed + runs)]
        stops = [at for at in found if at is not None]
        part = len(stops) / runs
        error = math.sqrt(part * (1 - part) / runs)
        median = f"{statistics.median(stops):,.0f}" if stops else "none"
        print(f"| {world} | {method} | {runs} | {part:.1%} | {error:.1%} | {median} |", flush=True)
    one = [Stratum(0.05, 12, 1_000, 40, 19_000)]
    print("\n| one evaluation | ms |\n|---|---:|")
    for name, call in {
        "log_evidence_of_harm": lambda: log_evidence_of_harm(one, 1.5),
        "log_ratio_interval": lambda: log_ratio_interval(one, ALPHA),
        "difference_of_rates": lambda: difference_of_rates((12, 1_000), (40, 19_000), ALPHA),
        "log_mismatch": lambda: log_mismatch((1_000, 19_000), (0.05, 0.95)),
    }.items():
        print(f"| {name} | {min(timeit.repeat(call, number=200, repeat=5)) / 200 * 1_000:.3f} |")


if __name__ == "__main__":
    main()
