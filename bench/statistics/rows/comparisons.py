"""False alarms of what releases are judged by: a candidate that is no worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from bench.statistics import effects, looks, worlds
from bench.statistics.row import Row


def comparisons() -> Iterator[Row]:
    """Every row of these."""
    yield from _equal_arms()
    yield from _ramps()
    yield from _costs_and_latencies()
    yield from _users_and_bandits()
    yield from _preferences()


def _equal_arms() -> Iterator[Row]:
    def equal(share: float, rate: float) -> Callable[[np.random.Generator], list[looks.Stratum]]:
        return lambda g: worlds.steps(g, (share, worlds.UNITS, rate, rate))

    half, small, often = equal(0.5, 0.03), equal(0.05, 0.01), equal(0.2, 0.3)
    yield Row("equal arms, 50/50, 3 % errors", "e-process of events", lambda g: looks.rare(half(g)), most=0.05)
    yield Row("5 % candidate, 1 % errors", "e-process of events", lambda g: looks.rare(small(g)), most=0.05)
    yield Row(
        "5 % candidate, 1 % errors",
        "the same, ratio 1.5 tolerated, truth 1.5",
        lambda g: looks.rare(worlds.steps(g, (0.05, worlds.UNITS, 0.01, 0.015)), tolerated=1.5),
        most=0.05,
    )
    yield Row(
        "20 % candidate, 30 % errors",
        "e-process of frequent events",
        lambda g: looks.frequent(often(g), [0.3]),
        most=0.05,
        part=0.3,
    )
    yield Row(
        "equal arms, 50/50, 3 % errors",
        "difference of bounds",
        lambda g: looks.difference_of_bounds(half(g)[0]),
        most=0.05,
        part=0.2,
    )
    yield Row(
        "5 % candidate, 1 % errors",
        "difference of bounds",
        lambda g: looks.difference_of_bounds(small(g)[0]),
        most=0.05,
        part=0.2,
    )
    yield Row(
        "one arm at its limit of 2 %",
        "hard limit",
        lambda g: looks.limit(g.random(worlds.UNITS) < 0.02, 0.02),
        most=0.05,
    )
    yield Row(
        "one arm at its limit, p95",
        "hard limit by exceedances",
        lambda g: looks.limit(g.random(worlds.UNITS) < 0.05, 0.05),
        most=0.05,
    )
    yield Row(
        "5 % candidate",
        "sample ratio, alarm at 0.1 %",
        lambda g: looks.mismatch(g.random(worlds.UNITS) < 0.05, 0.05),
        most=0.001,
    )
    yield Row("equal arms, 50/50, 3 % errors", "*contrast:* z-test at each look", lambda g: looks.naive_z(half(g)))


def _ramps() -> Iterator[Row]:
    ramp = worlds.drifting_ramp
    yield Row(
        "ramp 1/5/10/25/50 %, errors 0.5 → 2 %",
        "e-process of events, by step",
        lambda g: looks.rare(ramp(g)),
        most=0.05,
    )
    yield Row("ramp 1/5/10/25/50 %, errors 0.5 → 2 %", "each step alone at alpha/5", _each_step_alone, most=0.05)
    yield Row("ramp 1/5/10/25/50 %, errors 0.5 → 2 %", "*contrast:* steps pooled", lambda g: looks.pooled(ramp(g)))


def _costs_and_latencies() -> Iterator[Row]:
    for name, world in (
        ("cost, log-normal sigma 1", lambda g, s: worlds.log_normal(g, worlds.UNITS, s, 1.0, 1.0)),
        ("cost, log-normal sigma 1.5", lambda g, s: worlds.log_normal(g, worlds.UNITS, s, 1.5, 1.0)),
        ("cost, Pareto tail 2.5", lambda g, s: worlds.pareto(g, worlds.UNITS, s, 2.5)),
    ):
        for share in (0.5, 0.05):
            yield Row(
                f"{name}, {share:.0%} candidate",
                "AsympCS of the ratio of means",
                lambda g, world=world, share=share: looks.means(*world(g, share)),
                most=0.05,
                part=0.5,
            )
    for share in (0.5, 0.05):
        yield Row(
            f"equal p95, {share:.0%} candidate",
            "exceedances, threshold from 100 units",
            lambda g, share=share: looks.quantile(*worlds.log_normal(g, worlds.UNITS, share, 0.6, 1.0), share, 0.95),
            most=0.05,
            part=0.5,
        )


def _users_and_bandits() -> Iterator[Row]:
    def users(generator: np.random.Generator, *, is_once: bool, count: int) -> int | None:
        asked, arm, event = worlds.sticky_users(generator, count, 0.3, 0.05, 0.2)
        at = worlds.firsts(asked) if is_once else np.arange(len(asked))
        found = looks.rare([looks.Stratum(0.3, arm[at], event[at])])
        return None if found is None else int(at[found - 1]) + 1

    for count in (5_000, 50_000):
        yield Row(
            f"{count:,} users who return, correlation 0.2",
            "e-process, each user once",
            lambda g, count=count: users(g, is_once=True, count=count),
            most=0.05,
        )
    yield Row(
        "5,000 users who return, correlation 0.2",
        "*contrast:* each request",
        lambda g: users(g, is_once=False, count=5_000),
        part=0.3,
    )
    yield Row(
        "bandit, two equal arms of 3 %",
        "e-process of events, by epoch",
        lambda g: looks.rare(worlds.bandit(g, (0.03, 0.03))),
        most=0.05,
        part=0.5,
    )
    yield Row(
        "bandit, two equal arms of 30 %",
        "e-process of frequent events, by epoch",
        lambda g: looks.frequent(worlds.bandit(g, (0.3, 0.3)), [0.3] * 200),
        most=0.05,
        part=0.3,
    )
    yield Row(
        "bandit, two equal arms of 30 %",
        "*contrast:* z-test at each look",
        lambda g: looks.naive_z(worlds.bandit(g, (0.3, 0.3))),
        part=0.3,
    )
    yield Row(
        "three arms of .5 .45 .45", "Track-and-Stop stops with a wrong arm", effects.wrong_arm, most=0.05, part=0.3
    )
    yield Row(
        "bandit of 40 epochs, floor 5 %", "weighted effect outside its 95 % interval", effects.uncovered, most=0.05
    )
    yield Row("bandit of 40 epochs, floor 5 %", "*contrast:* plain mean outside", effects.uncovered_plain)


def _preferences() -> Iterator[Row]:
    units = 20_000
    yield Row(
        "equal answers, 30 % ties",
        "sign e-process",
        lambda g: looks.wins(g.choice([-1, 0, 1], units, p=[0.35, 0.3, 0.35])),
        most=0.05,
    )
    yield Row(
        "win rate exactly 0.45",
        "betting, win rate above 0.45",
        lambda g: looks.scores(g.choice([0, 0.5, 1], units, p=[0.4, 0.3, 0.3]), 0.45),
        most=0.05,
        part=0.5,
    )
    yield Row(
        "pairs with Cauchy differences",
        "self-normalised e-process",
        lambda g: looks.pairs(g.standard_cauchy(units), 3.0),
        most=0.05,
    )


def _each_step_alone(generator: np.random.Generator) -> int | None:
    done = 0
    for step in worlds.drifting_ramp(generator):
        if (found := looks.rare([step], alpha=looks.ALPHA / 5)) is not None:
            return done + found
        done += len(step.arm)
    return None
