# ruff: noqa: RUF001 - tables for people have signs of multiplication
"""How many users meet a bad candidate until it is rolled back, beside what is possible and what is usual.

    python bench/detection/run.py [--runs 150] [--seed 0] [--write docs/explanation/detection.md]

Every method watches the same streams of requests, one release each, until it rolls back or the horizon is over. The
product is not modelled but driven: its own ``judge_guardrails`` looks at counts as control folds them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "src")]

from methods import ALPHA, LOOK, WINDOW, Method, Tidegate, Windows, ZTest, errors_times, mann_whitney, p95_times  # noqa: E402
from worlds import MEDIAN_US, World, exceedances, fewest, requests  # noqa: E402

from tidegate.delivery.quantities import Change  # noqa: E402
from tidegate.delivery.release_spec import GuardrailSpec  # noqa: E402
from tidegate.stats.distribution import bucket, upper_edge  # noqa: E402

HORIZON = 20_000  # requests of both arms that a harmless candidate is watched for
FARTHEST = 200_000  # until a harmful one must have been found


def p95_of(world: World) -> float:
    """Stable's p95 in microseconds, frozen in the step before, as the histogram holds it."""
    return upper_edge(bucket(round(MEDIAN_US * math.exp(1.6448536269514722 * world.sigma))))


ERRORS = GuardrailSpec(metric="error_rate", max_increase=Change(0))
ERRORS_TIMES = GuardrailSpec(metric="error_rate", max_ratio=1.5)
ERRORS_POINTS = GuardrailSpec(metric="error_rate", max_increase=Change(0.005))
P95 = GuardrailSpec(metric="latency", stat="p95", max_increase=Change(0))
P95_TOLERANT = GuardrailSpec(metric="latency", stat="p95", max_increase=Change(0.15))


class Case(NamedTuple):
    """One world.

    Attributes:
        methods: name -> a fresh watcher.
        bound: requests of the candidate that any valid test needs on average; ``None`` where nothing is to be found.
    """

    title: str
    world: World
    methods: dict[str, Callable[[], Method]]
    bound: float | None = None


def error_methods(own: GuardrailSpec, share: float) -> dict[str, Callable[[], Method]]:
    return {
        "Tidegate": lambda: Tidegate(own, share),
        "errors × 1.5, every window": lambda: Windows(errors_times(1.5)),
        "errors × 1.5, 2 of 3 windows": lambda: Windows(errors_times(1.5), 2, 3),
        "Mann–Whitney, every window": lambda: Windows(mann_whitney(lambda r: float(r.is_error))),
        "z-test at every look": lambda: ZTest(lambda r: r.is_error),
    }


def latency_methods(own: GuardrailSpec, world: World) -> dict[str, Callable[[], Method]]:
    p95 = p95_of(world)
    return {
        "Tidegate": lambda: Tidegate(own, world.share, p95),
        "p95 × 1.2, every window": lambda: Windows(p95_times(1.2)),
        "p95 × 1.2, 2 of 3 windows": lambda: Windows(p95_times(1.2), 2, 3),
        "Mann–Whitney, every window": lambda: Windows(mann_whitney(lambda r: float(r.latency_us))),
        "z-test of exceedances at every look": lambda: ZTest(lambda r: r.latency_us > p95),
    }


def cases() -> list[Case]:
    found = [
        Case("equal, 2 % errors", World(0.5, 0.02, 0.02), error_methods(ERRORS, 0.5)),
        Case("equal latency", World(0.5), latency_methods(P95, World(0.5))),
        Case(
            "errors × 1.5, which `max_ratio: 1.5` tolerates",
            World(0.5, 0.02, 0.03),
            {"Tidegate": lambda: Tidegate(ERRORS_TIMES, 0.5)},
        ),
        Case(
            "errors + 0.5 points, which `max_increase: 0.5%` tolerates",
            World(0.5, 0.02, 0.025),
            {"Tidegate": lambda: Tidegate(ERRORS_POINTS, 0.5)},
        ),
        Case(
            "p95 + 15 %, which `max_increase: 15%` tolerates",
            World(0.5, slower=1.15),
            {"Tidegate": lambda: Tidegate(P95_TOLERANT, 0.5, p95_of(World(0.5)))},
        ),
    ]
    for base in (0.01, 0.02, 0.05):
        world = World(0.5, base, 2 * base)
        bound = fewest(base, 2 * base, 0.5, ALPHA)
        found.append(Case(f"errors {base:.0%} → {2 * base:.0%}", world, error_methods(ERRORS, 0.5), bound))
    small = World(0.05, 0.02, 0.04)
    found.append(
        Case("errors 2% → 4%, 5 % of traffic", small, error_methods(ERRORS, 0.05), fewest(0.02, 0.04, 0.05, ALPHA))
    )
    slow = World(0.5, slower=1.2)
    found.append(Case("p95 + 20 %", slow, latency_methods(P95, slow), fewest(*exceedances(slow, 0.95), 0.5, ALPHA)))
    even = World(0.5, slower=1.2, sigma=0.6)
    least = fewest(*exceedances(even, 0.95), 0.5, ALPHA)
    found.append(Case("p95 + 20 %, σ = 0.6", even, {"Tidegate": lambda: Tidegate(P95, 0.5, p95_of(even))}, least))
    tolerant = World(0.5, 0.02, 0.06)
    found.append(
        Case(
            "errors × 3 against `max_ratio: 1.5`",
            tolerant,
            {"Tidegate": lambda: Tidegate(ERRORS_TIMES, 0.5)},
            fewest(0.02, 0.06, 0.5, ALPHA, 1.5),
        )
    )
    slower = World(0.5, slower=1.5)
    found.append(
        Case(
            "p95 + 50 % against `max_increase: 15%`",
            slower,
            {"Tidegate": lambda: Tidegate(P95_TOLERANT, 0.5, p95_of(World(0.5)))},
            fewest(*exceedances(slower, 0.95, 1.15), 0.5, ALPHA),
        )
    )
    return found


def watch(case: int, method: str, seed: int) -> int | None:
    """Requests of the candidate until it is rolled back, ``None`` if it is not."""
    _, world, methods, bound = cases()[case]
    watcher, exposed = methods[method](), 0
    horizon = HORIZON if bound is None else FARTHEST
    for n, request in enumerate(requests(world, seed)):
        if n == horizon:
            return None
        exposed += request.is_candidate
        if watcher.see(request):
            return exposed
    raise AssertionError  # the stream has no end


def measure(runs: int, seed: int, pool: ProcessPoolExecutor) -> dict[tuple[int, str], list[int | None]]:
    jobs = {
        (index, method): [pool.submit(watch, index, method, seed + n) for n in range(runs)]
        for index, case in enumerate(cases())
        for method in case.methods
    }
    return {at: [job.result() for job in waiting] for at, waiting in jobs.items()}


def harmless(found: dict[tuple[int, str], list[int | None]]) -> list[str]:
    lines = ["| candidate | method | rolled back |", "|---|---|---|"]
    for (index, method), ends in found.items():
        case = cases()[index]
        if case.bound is None:
            alarms = sum(end is not None for end in ends)
            error = math.sqrt(max(alarms, 1) * (len(ends) - alarms) / len(ends)) / len(ends)
            lines.append(f"| {case.title} | {method} | {alarms / len(ends):.1%} ± {error:.1%} |")
    return lines


def harmful(found: dict[tuple[int, str], list[int | None]]) -> list[str]:
    lines = [
        "| candidate | method | found | requests it got, mean | median | the least possible | × the least |",
        "|---|---|---|---|---|---|---|",
    ]
    for (index, method), ends in found.items():
        case = cases()[index]
        if case.bound is not None:
            hits = sorted(end for end in ends if end is not None)
            mean = sum(hits) / len(hits) if hits else math.nan
            middle = hits[len(hits) // 2] if hits else 0
            ratio = f"{mean / case.bound:.2f}" if method == "Tidegate" else ""
            lines.append(
                f"| {case.title} | {method} | {len(hits) / len(ends):.0%} | {mean:,.0f} | {middle:,} | {case.bound:,.0f} | {ratio} |"
            )
    return lines


def page(found: dict[tuple[int, str], list[int | None]], runs: int, seed: int) -> str:
    template = (HERE / "page.md").read_text()
    return template.format(
        runs=runs,
        seed=seed,
        last=seed + runs - 1,
        look=LOOK,
        window=WINDOW,
        horizon=f"{HORIZON:,}",
        harmless="\n".join(harmless(found)),
        harmful="\n".join(harmful(found)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    started = time.monotonic()
    with ProcessPoolExecutor(given.workers) as pool:
        text = page(measure(given.runs, given.seed, pool), given.runs, given.seed)
    print(text)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    if given.write:
        given.write.write_text(text)


if __name__ == "__main__":
    main()
