"""Do streams behave as the planner says? Requests to a decision with 80 % power, reckoned and simulated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from bench.statistics import looks, worlds

from tidegate.delivery.planning.assumed import AssumedQuantity, AssumeSpec
from tidegate.delivery.planning.expectation import History, expect
from tidegate.delivery.planning.expected import Expectation
from tidegate.delivery.planning.questions import question
from tidegate.delivery.quantities import Change, Share
from tidegate.delivery.release_spec import GuardrailSpec

POWER, TOLERANCE = 0.8, 0.10
Generator = np.random.Generator


class Case(NamedTuple):
    """One question to the planner, and the stream that answers it.

    Attributes:
        change: the harm that is there.
        once: units to the decision in one stream of at most so many units.
        rate: of stable, for the error rate; latencies and costs are log-normal with sigma 0.6.
    """

    name: str
    guardrail: GuardrailSpec
    share: float
    change: float
    once: Callable[[Generator, int], int | None]
    rate: float = 1e-9


def cases() -> list[Case]:
    """Each kind of test at least once, far from and at 50/50."""

    def errors(share: float, rate: float, worse: float, **how: float) -> Callable[[Generator, int], int | None]:
        return lambda g, units: looks.rare(worlds.steps(g, (share, units, rate, worse)), least=5, **how)  # type: ignore[arg-type]

    def slower(share: float, factor: float, margin: float) -> Callable[[Generator, int], int | None]:
        def once(g: Generator, units: int) -> int | None:
            before = worlds.log_normal(g, 20_000, 0.0, 0.6, 1.0)[1]
            arm, after = worlds.log_normal(g, units, share, 0.6, factor)
            values = np.concatenate([before, after])
            arms = np.concatenate([np.zeros(len(before), bool), arm])
            return looks.quantile(arms, values, share, 0.95, len(before), margin)

        return once

    return [
        Case("errors 2 → 4 %, 5 % candidate, no tolerance", _rate(0.0), 0.05, 1.0, errors(0.05, 0.02, 0.04), 0.02),
        Case("errors 1 → 2 %, 50 % candidate, ratio 1.2", GuardrailSpec(metric="error_rate", max_ratio=1.2), 0.5, 1.0,
             errors(0.5, 0.01, 0.02, tolerated=1.2), 0.01),
        Case("errors 2 → 5 %, 25 % candidate, 0.5 points", _rate(0.005), 0.25, 0.03,
             lambda g, units: looks.difference_of_bounds(worlds.steps(g, (0.25, units, 0.02, 0.05))[0], 0.005), 0.02),
        Case("p95 +20 %, 50 % candidate", _latency(0.0), 0.5, 0.2, slower(0.5, 1.2, 0.0)),
        Case("p95 +40 %, 10 % candidate, 15 % tolerated", _latency(0.15), 0.1, 0.4, slower(0.1, 1.4, 0.15)),
        Case("cost +10 %, 50 % candidate",
             GuardrailSpec(metric="cost_per_request", stat="mean", max_increase=Change(0)), 0.5, 0.1,
             lambda g, units: looks.means(*worlds.log_normal(g, units, 0.5, 0.6, 1.1))),
    ]  # fmt: skip


def _rate(margin: float) -> GuardrailSpec:
    return GuardrailSpec(metric="error_rate", max_increase=Change(margin))


def _latency(margin: float) -> GuardrailSpec:
    return GuardrailSpec(metric="latency", stat="p95", max_increase=Change(margin))


def expectation(rate: float) -> Expectation:
    """What the planner is told of the worlds."""
    assumed = AssumeSpec(
        rates={"error_rate": Share(rate)},
        latency=AssumedQuantity(median=1.0, sigma=0.6),
        cost_per_request=AssumedQuantity(median=0.001, sigma=0.6),
    )
    return expect(History(), assumed, is_by_request=True)


def compared(case: Case, runs: int, seed: int) -> tuple[float, float]:
    """Units with which the harm is found with 80 % power: (reckoned, simulated)."""
    asked = question(case.guardrail, expectation(case.rate), case.share, alpha=0.05, pass_alpha=0.05, least=200)
    assert asked is not None
    reckoned, most = math.inf, 2 * asked.fixed(case.change, POWER)
    while math.isinf(reckoned):
        most *= 2
        reckoned = asked.fails(case.change, most).needed(POWER)
    most = 2 * reckoned
    stops = [case.once(np.random.default_rng([seed, run]), round(most)) for run in range(runs)]
    ordered = sorted(most if at is None else at for at in stops)
    return reckoned, ordered[round(POWER * runs) - 1]


def table(runs: int, seed: int) -> list[str]:
    """The planner's figures beside those of simulation."""
    rows = []
    for case in cases():
        reckoned, simulated = compared(case, runs, seed)
        gap = reckoned / simulated - 1
        mark = "" if abs(gap) <= TOLERANCE else " **broken**"
        rows.append(f"| {case.name} | {reckoned:,.0f} | {simulated:,.0f} | {gap:+.1%}{mark} |")
    return [
        "**The planner.** Units of both arms with which a harm is found with 80 % power, a look after every unit: as",
        "`tidegate plan` reckons them, and in as many simulated streams.",
        "",
        "| harm | reckoned | simulated | difference |",
        "|---|---:|---:|---:|",
        *rows,
    ]
