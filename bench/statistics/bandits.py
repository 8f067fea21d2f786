"""Bandits as the product runs them: weights by its own epochs, looked at all the time until it would decide.

Nothing is re-implemented here: :mod:`tidegate.delivery.experiments.bandit` reckons weights and evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np

from tidegate.delivery.evidence.opinions import JUDGE, MICRO, Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.bandit.epochs import reckon
from tidegate.delivery.experiments.bandit.evidence import beats_everybody, reward_effect, rule_of
from tidegate.delivery.experiments.progress import Experiment
from tidegate.delivery.experiments.standings import is_lost, standings, winner
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE, ReleaseState, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT

Generator = np.random.Generator
Batch = Callable[[Generator, int, int, float], Summary]  # of so many units of this arm, at this part of the whole time
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEAST = 100
SCORE = f"{JUDGE}helpful"


class World(NamedTuple):
    """What the bandit is after, and what units do.

    Attributes:
        reward: as in a release file.
        arms: beside control.
        epoch: units of one.
        batch: units between two looks.
        units: until it ends.
        late: batches until a reward is known.
    """

    reward: object
    answers: Batch
    arms: int = 1
    algorithm: str = "thompson"
    epoch: int = 1_000
    batch: int = 500
    units: int = 20_000
    late: int = 0


class Look(NamedTuple):
    """What is known after so many units."""

    units: int
    spec: ReleaseSpec
    state: ReleaseState
    counts: list[StepCounts]


def decided(generator: Generator, world: World) -> int | None:
    """Units after which it would end: an arm is surely better than everybody, or all are surely worse than control."""
    for units, spec, state, counts in looks(generator, world):
        effects = standings(spec, state, counts, LEAST)
        won = winner(spec, state, effects)
        if is_lost(effects, state) or (won is not None and beats_everybody(spec, state, counts, won, LEAST)):
            return units
    return None


def won_by(generator: Generator, world: World, arm: str) -> int | None:
    """Units after which ``arm`` wins; ``None`` if another one does, or nobody."""
    for units, spec, state, counts in looks(generator, world):
        won = winner(spec, state, standings(spec, state, counts, LEAST))
        if won is not None and beats_everybody(spec, state, counts, won, LEAST):
            return units if won == arm else None
    return None


def uncovered(generator: Generator, world: World, differences: tuple[float, ...]) -> int | None:
    """Units after which the interval of any arm against control leaves the true difference out."""
    for units, spec, state, counts in looks(generator, world):
        for arm, true in zip(state.arms, differences, strict=True):
            effect = reward_effect(spec, state, counts, arm, STABLE, LEAST)
            if effect.lower is not None and effect.upper is not None and not effect.lower <= true <= effect.upper:
                return units
    return None


def looks(generator: Generator, world: World) -> Iterator[Look]:
    """The course of one bandit. Rewards that are late are counted for the round of their units when they come."""
    spec, state = _release(world)
    experiment, names = state.experiment, (STABLE, *state.arms)
    assert experiment is not None
    rule = rule_of(spec, experiment)
    assert rule is not None
    counts: dict[tuple[int, str], Summary] = {}
    waiting: list[tuple[int, list[Summary]]] = []
    for done in range(world.batch, world.units + 1, world.batch):
        assert state.experiment is not None
        number = len(state.experiment.shares) - 1
        points = state.experiment.shares[number]
        drawn = {STABLE: TOTAL_WEIGHT - sum(points.values()), **points}
        parts = generator.multinomial(world.batch, [drawn[name] / TOTAL_WEIGHT for name in names])
        told = [world.answers(generator, arm, int(n), done / world.units) for arm, n in enumerate(parts)]
        waiting.append((number, told))
        if len(waiting) > world.late:
            of_round, come = waiting.pop(0)
            for name, summary in zip(names, come, strict=True):
                counts[of_round, name] = counts.get((of_round, name), Summary()) + summary
        seen = [
            StepCounts(attempt=1, step=0, variant=name, total=each, window=each, compared=each, round=of_round)
            for (of_round, name), each in counts.items()
        ]
        yield Look(done, spec, state, seen)
        if done % world.epoch == 0:
            found = reckon(state, spec.objectives[0], rule, seen, NOW)
            state = msgspec.structs.replace(state, experiment=found.experiment)


def opinions(*rates: float, drift: float = 0.0, answering: tuple[float, ...] = ()) -> Batch:
    """Yes or no, by the rate of each arm, which all move by ``drift`` until the end; of arm i only ``answering[i]`` say anything."""

    def say(generator: Generator, arm: int, units: int, at: float) -> Summary:
        said = int(generator.binomial(units, answering[arm])) if answering else units
        yes = int(generator.binomial(said, rates[arm] + drift * at))
        return Summary(units=units, opinions={"liked": Opinions(yes=yes, no=said - yes)})

    return say


def scores(*means: float, spread: float = 0.2) -> Batch:
    """Scores of a judge, beta around the mean of each arm."""

    def score(generator: Generator, arm: int, units: int, _: float) -> Summary:
        size = means[arm] * (1 - means[arm]) / spread**2 - 1
        values = np.rint(generator.beta(means[arm] * size, (1 - means[arm]) * size, units) * MICRO)
        whole = [int(value) for value in values]
        given = Opinions(count=units, total=sum(whole), squares=sum(value * value for value in whole))
        return Summary(units=units, opinions={SCORE: given})

    return score


def without_time(batch: Callable[[Generator, int, int], Summary]) -> Batch:
    """Answers that stay the same all the time."""
    return lambda generator, arm, units, _: batch(generator, arm, units)


def _release(world: World) -> tuple[ReleaseSpec, ReleaseState]:
    names = [f"arm-{number}" for number in range(1, world.arms + 1)]
    document = {
        "service": "bot",
        "variants": {"control": "@stable", **{name: f"v1.{n}.0" for n, name in enumerate(names, 1)}},
        "strategy": {"bandit": {"reward": world.reward, "algorithm": world.algorithm}},
    }
    versions = {name: f"bot/v1.{number}.0-0000000{number}" for number, name in enumerate(names, 1)}
    state = new_release(
        release_id="rel_1", service="bot", candidate=versions[names[0]], stable="bot/v1.0.0-1", now=NOW, arms=versions
    )
    equal = TOTAL_WEIGHT // (world.arms + 1)
    began = Experiment(step=0, shares=(dict.fromkeys(names, equal),), round_at=NOW)
    return parse_release(document), msgspec.structs.replace(state, experiment=began)
