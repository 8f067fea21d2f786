"""How often a candidate that is worse, or better, is found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bench.statistics import bandits, experiments, interleaving, looks, worlds
from bench.statistics.row import Row


def power() -> Iterator[Row]:
    """Every row of these."""
    yield from _power()
    yield from _bandits_that_find()


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
