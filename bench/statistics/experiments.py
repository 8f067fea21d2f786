"""A/B tests as the product runs them: control and its arms, looked at after every batch until somebody wins.

Nothing is re-implemented here: each look asks :mod:`tidegate.delivery.experiments.standings` who wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np
from bench.statistics.looks import Floats

from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.progress import Experiment
from tidegate.delivery.experiments.standings import standings, winner
from tidegate.delivery.experiments.thresholds import freeze_thresholds
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.observation import Outcome
from tidegate.delivery.release import STABLE, ReleaseState, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.stats.distribution import SCALE, ZERO_BUCKET, Distribution

Generator = np.random.Generator
Batch = Callable[[Generator, int, int], Summary]  # of so many units of this arm; arm 0 is control
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class World(NamedTuple):
    """What is tested, by what, and what units do.

    Attributes:
        shares: of each arm beside control.
        batch: units between two looks.
        units: until the test ends.
    """

    objectives: tuple[str, ...]
    shares: tuple[float, ...]
    answers: Batch
    batch: int = 200
    units: int = 20_000


def winner_found(generator: Generator, world: World) -> int | None:
    """Units after which an arm wins; ``None`` when none does."""
    spec, state = _release(world.objectives, world.shares)
    assert state.experiment is not None
    names = [STABLE, *state.arms]
    seen = [Summary() for _ in names]
    for done in range(world.batch, world.units + 1, world.batch):
        drawn = generator.multinomial(world.batch, [1 - sum(world.shares), *world.shares])
        seen = [
            sum_ + world.answers(generator, arm, int(n)) for arm, (sum_, n) in enumerate(zip(seen, drawn, strict=True))
        ]
        counts = [
            StepCounts(attempt=1, step=0, variant=name, total=each, window=each, compared=each)
            for name, each in zip(names, seen, strict=True)
        ]
        thresholds = freeze_thresholds(spec.objectives, state.experiment, counts)
        experiment = msgspec.structs.replace(state.experiment, thresholds=thresholds)
        state = msgspec.structs.replace(state, experiment=experiment)
        if winner(spec, state, standings(spec, state, counts, 100)) is not None:
            return done
    return None


def opinions(*rates: float) -> Batch:
    """Yes or no about an answer, by the rate of each arm."""

    def say(generator: Generator, arm: int, units: int) -> Summary:
        yes = int(generator.binomial(units, rates[arm]))
        return Summary(units=units, opinions={"liked": Opinions(yes=yes, no=units - yes)})

    return say


def failures(*rates: float) -> Batch:
    """Errors by the rate of each arm."""

    def fail(generator: Generator, arm: int, units: int) -> Summary:
        failed = int(generator.binomial(units, rates[arm]))
        outcomes = {str(Outcome.OK): units - failed, str(Outcome.UPSTREAM_ERROR): failed}
        return Summary(requests=units, units=units, outcomes=outcomes)

    return fail


def log_normal(name: str, sigma: float, *factors: float) -> Batch:
    """Latencies or costs around a million, times the factor of each arm."""

    def spread(generator: Generator, arm: int, units: int) -> Summary:
        values = np.rint(np.exp(generator.normal(math.log(1e6), sigma, units)) * factors[arm])
        outcomes = {str(Outcome.OK): units}
        return Summary(requests=units, units=units, outcomes=outcomes, **{name: distribution(values)})

    return spread


def distribution(values: Floats) -> Distribution:
    """Whole numbers added up as the product does."""
    indices = np.maximum(np.ceil(np.log2(np.maximum(values, 1.0)) * SCALE) - 1, ZERO_BUCKET).astype(int)
    buckets = dict(zip(*(each.tolist() for each in np.unique(indices, return_counts=True)), strict=True))
    whole = [int(value) for value in values]
    return Distribution(len(whole), sum(whole), sum(value * value for value in whole), buckets)


def _release(objectives: Sequence[str], shares: Sequence[float]) -> tuple[ReleaseSpec, ReleaseState]:
    names = [f"arm-{number}" for number in range(1, len(shares) + 1)]
    document = {
        "service": "bot",
        "variants": {"control": "@stable", **{name: f"v1.{n}.0" for n, name in enumerate(names, 1)}},
        "strategy": "ab_test",
        "objectives": [dict(zip(("metric", "stat"), each.split("."), strict=False)) for each in objectives],
    }
    versions = {name: f"bot/v1.{number}.0-0000000{number}" for number, name in enumerate(names, 1)}
    state = new_release(
        release_id="rel_1", service="bot", candidate=versions[names[0]], stable="bot/v1.0.0-1", now=NOW, arms=versions
    )
    weights = {name: round(share * 10_000) for name, share in zip(names, shares, strict=True)}
    return parse_release(document), msgspec.structs.replace(
        state, experiment=Experiment(step=0, shares=(weights,), round_at=NOW)
    )
