"""False decisions of experiments: A/B tests, bandits and interleavings of versions that are alike."""

from __future__ import annotations

from collections.abc import Iterator

from bench.statistics import bandits, experiments, interleaving
from bench.statistics.row import Row


def trials() -> Iterator[Row]:
    """Every row of these."""
    yield from _interleavings()
    yield from _ab_tests()
    yield from _bandits()


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
