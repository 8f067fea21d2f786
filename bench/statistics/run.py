"""False alarms and power of every method that the product uses by default, under looking after every unit.

    python -m bench.statistics.run [--runs 1000] [--seed 0] [--write docs/explanation/statistics.md]

Each row says what it promises; the run fails if a promise is not kept (3 standard errors are allowed for chance).
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench.statistics import bandits, effects, experiments, interleaving, looks, planned, worlds
from bench.statistics.speed import speeds

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
Once = Callable[[np.random.Generator], int | None]


class Row(NamedTuple):
    """One method in one world.

    Attributes:
        most: false alarms that are promised at most, ``None`` for power or a contrast.
        least: power that is promised at least.
        part: of the runs, for slow worlds.
        within: units that a power counts.
    """

    world: str
    method: str
    once: Once
    most: float | None = None
    least: float | None = None
    part: float = 1.0
    within: int | None = None


class Measured(NamedTuple):
    """What the runs of a row gave."""

    row: Row
    runs: int
    found: float
    error: float
    median: float | None

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds."""
        allowed = 3 * math.sqrt(0.05 * 0.95 / self.runs) if self.row.most is not None else 0.0
        too_many = self.row.most is not None and self.found > self.row.most + allowed
        return not too_many and (self.row.least is None or self.found >= self.row.least)

    def line(self) -> str:
        """A row of the table."""
        promise = "" if self.row.most is None else f"≤ {self.row.most:.1%}"
        promise = promise if self.row.least is None else f"≥ {self.row.least:.0%}"
        median = "" if self.median is None else f"{self.median:,.0f}"
        mark = "" if self.is_kept else " **broken**"
        cells = (self.row.world, self.row.method, f"{self.runs:,}", f"{self.found:.1%}", f"{self.error:.1%}")
        return f"| {' | '.join(cells)} | {promise}{mark} | {median} |"


def rows() -> Iterator[Row]:
    """Every row, false alarms first."""
    yield from _equal_arms()
    yield from _ramps()
    yield from _costs_and_latencies()
    yield from _users_and_bandits()
    yield from _preferences()
    yield from _interleavings()
    yield from _ab_tests()
    yield from _bandits()
    yield from _power()
    yield from _bandits_that_find()


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


def _each_step_alone(generator: np.random.Generator) -> int | None:
    done = 0
    for step in worlds.drifting_ramp(generator):
        if (found := looks.rare([step], alpha=looks.ALPHA / 5)) is not None:
            return done + found
        done += len(step.arm)
    return None


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


def _interleavings() -> Iterator[Row]:
    count, decided = interleaving.CONVERSATIONS, interleaving.decided
    both = "either version is preferred, a look at each vote"
    yield Row(
        "side by side, equal, 60 % take the first, 30 % ties",
        both,
        lambda g: decided(interleaving.side_by_side(g, count)),
        most=0.05,
    )
    yield Row(
        "turns of equal versions, 30 % carried over", both, lambda g: decided(interleaving.turns(g, count)), most=0.05
    )
    yield Row(
        "a judge of equal answers with a taste for the first",
        both,
        lambda g: decided(interleaving.judged(g, count)),
        most=0.05,
    )
    yield Row(
        "people of one mind, 10 votes each",
        "either version is preferred, one vote for each conversation",
        lambda g: decided(interleaving.of_one_mind(g, count, 10, is_once=True)),
        most=0.05,
    )
    yield Row(
        "people of one mind, 10 votes each",
        "*contrast:* each vote",
        lambda g: decided(interleaving.of_one_mind(g, 500, 10, is_once=False)),
        part=0.3,
    )


def _ab_tests() -> Iterator[Row]:
    thirds, small = (1 / 3, 1 / 3), (0.2, 0.05)
    for world, made in (
        ("opinions, 60 % yes", experiments.World(("feedback:liked",), thirds, experiments.opinions(0.6, 0.6, 0.6))),
        (
            "opinions, 98 % yes, arms of 20 and 5 %",
            experiments.World(("feedback:liked",), small, experiments.opinions(0.98, 0.98, 0.98)),
        ),
        ("errors of 3 %", experiments.World(("error_rate",), thirds, experiments.failures(0.03, 0.03, 0.03))),
        (
            "cost, log-normal sigma 1",
            experiments.World(("cost_per_request",), thirds, experiments.log_normal("cost", 1.0, 1, 1, 1)),
        ),
        ("p95", experiments.World(("latency.p95",), thirds, experiments.log_normal("latency", 0.6, 1, 1, 1))),
    ):
        yield Row(
            f"A/B test of two equal arms and control: {world}",
            "an arm wins, a look every 200 units",
            lambda g, made=made: experiments.winner_found(g, made),
            most=0.05,
            part=0.5,
        )


def _bandits() -> Iterator[Row]:
    """The product's own weights and evidence."""
    worlds_of_equals = {
        "70 % liked, Thompson": bandits.World("feedback:liked", bandits.opinions(0.7, 0.7)),
        "three variants, 30 % liked, top-two": bandits.World(
            "feedback:liked", bandits.opinions(0.3, 0.3, 0.3), arms=2, algorithm="top_two"
        ),
        "60 → 30 % liked, Thompson": bandits.World("feedback:liked", bandits.opinions(0.6, 0.6, drift=-0.3)),
        "80 % liked, one rated twice as often": bandits.World(
            "feedback:liked", bandits.opinions(0.8, 0.8, answering=(0.3, 0.6))
        ),
        "70 % liked, rewards two epochs late": bandits.World("feedback:liked", bandits.opinions(0.7, 0.7), late=4),
        "scores around 0.7, Thompson": bandits.World("judge:helpful", bandits.scores(0.7, 0.7)),
        "errors of 3 %, Track-and-Stop": bandits.World(
            "error_rate", bandits.without_time(experiments.failures(0.03, 0.03)), algorithm="track_and_stop"
        ),
        "cost, log-normal sigma 1, Thompson": bandits.World(
            "cost_per_request", bandits.without_time(experiments.log_normal("cost", 1.0, 1, 1))
        ),
    }
    for name, world in worlds_of_equals.items():
        yield Row(
            f"bandit of equal variants: {name}",
            "it decides, a look every 500 units",
            lambda g, world=world: bandits.decided(g, world),
            most=0.05,
            part=0.3,
        )
    for name, rates in (("70 % and 76 % liked", (0.7, 0.76)), ("10 % and 10 % liked", (0.1, 0.1))):
        for algorithm in ("thompson", "top_two", "track_and_stop"):
            world = bandits.World("feedback:liked", bandits.opinions(*rates), algorithm=algorithm)
            yield Row(
                f"bandit, {name}, {algorithm}",
                "the effect's interval ever misses, a look every 500 units",
                lambda g, world=world, gap=rates[1] - rates[0]: bandits.uncovered(g, world, (gap,)),
                most=0.05,
                part=0.3,
            )


def _bandits_that_find() -> Iterator[Row]:
    for algorithm in ("thompson", "top_two", "track_and_stop"):
        world = bandits.World("feedback:liked", bandits.opinions(0.7, 0.76), algorithm=algorithm)
        yield Row(
            f"bandit, 70 % and 76 % liked, {algorithm}",
            "the better one wins, a look every 500 units",
            lambda g, world=world: bandits.won_by(g, world, "arm-1"),
            part=0.3,
            within=20_000,
        )


def _power() -> Iterator[Row]:
    def latency(g: np.random.Generator) -> int | None:
        before = worlds.log_normal(g, 1_000, 0.0, 0.6, 1.0)[1]
        arm, after = worlds.log_normal(g, 10_000, 0.5, 0.6, 1.1)
        values = np.concatenate([before, after])
        return looks.quantile(np.concatenate([np.zeros(1_000, bool), arm]), values, 0.5, 0.95, 1_000)

    yield Row(
        "p95 +10 %, sigma .6, 50/50",
        "exceedances, threshold from 1,000 units before",
        latency,
        least=0.85,
        within=10_000,
    )
    yield Row(
        "p95 +10 %, sigma .6, 50/50",
        "exceedances, threshold from 100 units",
        lambda g: looks.quantile(*worlds.log_normal(g, 10_000, 0.5, 0.6, 1.1), 0.5, 0.95),
        within=10_000,
    )
    yield Row(
        "errors 2 → 4 %, 5 % candidate",
        "e-process of events",
        lambda g: looks.rare(worlds.steps(g, (0.05, 20_000, 0.02, 0.04))),
        least=0.70,
        within=20_000,
    )
    yield Row(
        "errors 1 → 5 %, 5 % candidate",
        "e-process of events",
        lambda g: looks.rare(worlds.steps(g, (0.05, 20_000, 0.01, 0.05))),
        within=20_000,
    )
    yield Row(
        "ramp, errors 0.5 → 2 %, candidate 1.5 times",
        "e-process of events, by step",
        lambda g: looks.rare(worlds.drifting_ramp(g, 1.5)),
        part=0.3,
        within=100_000,
    )
    yield Row(
        "cost +10 %, sigma .6, 50/50",
        "AsympCS of the ratio of means",
        lambda g: looks.means(*worlds.log_normal(g, 10_000, 0.5, 0.6, 1.1)),
        part=0.5,
        within=10_000,
    )
    yield Row(
        "answers preferred 57 to 43, 30 % ties",
        "sign e-process",
        lambda g: looks.wins(g.choice([-1, 0, 1], 2_000, p=[0.301, 0.3, 0.399])),
        within=2_000,
    )
    yield Row(
        "equal answers, 30 % ties",
        "betting, win rate above 0.45",
        lambda g: looks.scores(g.choice([0, 0.5, 1], 2_000, p=[0.35, 0.3, 0.35]), 0.45),
        part=0.5,
        within=2_000,
    )
    yield Row(
        "side by side, preferred 65 to 35, 30 % take the first, 30 % ties",
        "the candidate is preferred, a look at each vote",
        lambda g: interleaving.preferred(interleaving.side_by_side(g, 1_000, better=0.65, first=0.3)),
        least=0.80,
        within=1_000,
    )
    better = experiments.World(("feedback:liked",), (1 / 3, 1 / 3), experiments.opinions(0.6, 0.6, 0.66))
    yield Row(
        "A/B test, 60 % yes, one of two arms 66 %",
        "an arm wins, a look every 200 units",
        lambda g: experiments.winner_found(g, better),
        part=0.3,
        within=20_000,
    )
    yield Row(
        "bandit, arms of 3 and 4.5 %",
        "e-process of events, by epoch",
        lambda g: looks.rare(worlds.bandit(g, (0.03, 0.045))),
        part=0.3,
        within=100_000,
    )


def measure(row: Row, runs: int, seed: int) -> Measured:
    """All runs of a row, each with a seed of its own."""
    count = max(10, round(runs * row.part))
    stops = [row.once(np.random.default_rng([seed, run])) for run in range(count)]
    found = [at for at in stops if at is not None]
    part = len(found) / count
    median = statistics.median(found) if found and row.most is None else None
    return Measured(row, count, part, math.sqrt(part * (1 - part) / count), median)


def render(measured: list[Measured], options: argparse.Namespace) -> str:
    """The tables of the page."""
    command = f"python -m bench.statistics.run --runs {options.runs} --seed {options.seed}"
    head = "| world | method | runs | acted | ± | promise | median units to act |\n|---|---|---:|---:|---:|---:|---:|"
    alarms = [m.line() for m in measured if m.row.within is None]
    powers = [m.line() for m in measured if m.row.within is not None]
    return "\n".join([
        f"`make bench-statistics` (`{command}`), alpha 5 %, one-sided, a look after *every* unit; ± is the Monte-Carlo",
        "standard error. Streams have 100,000 units, preferences, A/B tests and bandits of versions 20,000.",
        "", "**False alarms.** The candidate is no worse; a promise is kept within three standard errors.", "",
        head, *alarms, "", "**Power.** The candidate is as the row says; the stream ends where the power counts.", "",
        head, *powers, "", *planned.table(options.runs, options.seed), "", *speeds(), "",
    ])  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=1_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="rows whose world or method contains this")
    options.add_argument("--write", type=Path, help="page whose measured part is replaced")
    chosen = options.parse_args()
    measured = []
    for row in rows():
        if chosen.only not in f"{row.world} {row.method}":
            continue
        began = time.perf_counter()
        measured.append(measure(row, chosen.runs, chosen.seed))
        print(f"{measured[-1].line()} {time.perf_counter() - began:.1f} s", flush=True)
    text = "\n".join(found.line() for found in measured) if chosen.only else render(measured, chosen)
    print(text)
    if chosen.write and not chosen.only:
        page = chosen.write.read_text()
        start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        chosen.write.write_text(f"{page[:start]}\n\n{text}\n{page[end:]}")
    broken = text.count("**broken**")
    sys.exit(f"{broken} promises are broken" if broken else 0)


if __name__ == "__main__":
    main()
