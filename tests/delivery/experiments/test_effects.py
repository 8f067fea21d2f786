"""What is told of one arm against control, and who wins by it: each kind of metric, both directions, under looking."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import msgspec
import pytest

from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.effects import EffectStanding, Round, arm_effect, margin, sign
from tidegate.delivery.experiments.progress import Experiment, Threshold
from tidegate.delivery.experiments.standings import is_lost, leader, standings, winner
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.observation import Outcome
from tidegate.delivery.quantities import Change
from tidegate.delivery.release import new_release
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution, bucket, upper_edge

LIKED = GuardrailSpec(metric="feedback:liked")
ERRORS = GuardrailSpec(metric="error_rate")
COST = GuardrailSpec(metric="cost_per_request", stat="mean")
P95 = GuardrailSpec(metric="latency", stat="p95")
EDGE = upper_edge(bucket(116_000))  # about the p95 of control's latencies here


def liked(yes: int, no: int) -> Summary:
    return Summary(units=yes + no, opinions={"liked": Opinions(yes=yes, no=no)})


def failing(failed: int, of: int) -> Summary:
    outcomes = {str(Outcome.OK): of - failed, str(Outcome.UPSTREAM_ERROR): failed}
    return Summary(requests=of, units=of, outcomes=outcomes)


def spread(name: str, mean: int, count: int, seed: int, deviation: float = 0.1) -> Summary:
    chance = random.Random(seed)
    total = Distribution()
    for _ in range(count):
        total += Distribution.of(max(1, round(chance.gauss(mean, mean * deviation))))
    return Summary(requests=count, units=count, outcomes={str(Outcome.OK): count}, **{name: total})


def cost(mean: int) -> tuple[Summary, Summary]:
    return spread("cost", mean, 500, 1), spread("cost", 1_000, 500, 2)


def latency(mean: int) -> tuple[Summary, Summary]:
    return spread("latency", mean, 900, 1), spread("latency", 100_000, 900, 2)


def judged(objective: GuardrailSpec, arm: Summary, control: Summary, *, alpha: float = 0.05):
    threshold = Threshold(metric="latency.p95", value=EDGE, round=0, values={}, failures={})
    threshold = threshold if objective is P95 else None
    return arm_effect(objective, "a", [Round(0.5, arm, control)], alpha=alpha, least=100, threshold=threshold)


@pytest.mark.parametrize(
    ("objective", "better", "worse"),
    [
        (LIKED, (liked(900, 100), liked(600, 400)), (liked(500, 500), liked(700, 300))),
        (ERRORS, (failing(5, 2_000), failing(90, 2_000)), (failing(90, 2_000), failing(5, 2_000))),
        (COST, cost(900), cost(1_100)),
        (P95, latency(80_000), latency(125_000)),
    ],
    ids=["said", "rate", "mean", "quantile"],
)
def test_each_kind_of_metric_knows_its_better_side(objective, better, worse):
    good, bad = judged(objective, *better), judged(objective, *worse)
    assert (good.standing, bad.standing) == (EffectStanding.BETTER, EffectStanding.WORSE)
    assert good.probability > 0.99
    assert bad.probability < 0.01
    assert good.p_value < 0.05
    assert good.e_value == pytest.approx(1 / good.p_value)
    assert good.lower < good.effect < good.upper
    assert math.copysign(1, good.effect) == sign(objective) == -math.copysign(1, bad.effect)


def test_alike_is_undecided_and_few_are_no_data():
    assert judged(LIKED, liked(300, 200), liked(301, 199)).standing is EffectStanding.UNDECIDED
    few = judged(LIKED, liked(30, 20), liked(31, 19))
    assert (few.standing, few.lower, few.probability, few.p_value) == (EffectStanding.NO_DATA, None, None, 1.0)
    nothing = judged(LIKED, Summary(), Summary())
    assert (nothing.standing, nothing.estimate, nothing.effect) == (EffectStanding.NO_DATA, None, None)


def test_few_rare_events_are_no_ground_for_a_decision():
    """A small arm that has only seen the usual answer takes its own variance for 0."""
    found = judged(LIKED, liked(110, 0), liked(1_950, 40))
    assert found.effect > 0
    assert (found.standing, found.p_value) == (EffectStanding.UNDECIDED, 1.0)


def test_a_margin_asks_for_no_worse_instead_of_better():
    loose = msgspec.structs.replace(LIKED, max_decrease=Change(0.05))
    tight = msgspec.structs.replace(LIKED, max_decrease=Change(0.001))
    arms = liked(16_000, 4_000), liked(16_020, 3_980)
    assert (margin(LIKED), margin(loose)) == (None, 0.05)
    assert judged(loose, *arms).standing is EffectStanding.NO_WORSE
    assert judged(tight, *arms).standing is EffectStanding.UNDECIDED
    assert judged(loose, liked(12_000, 8_000), arms[1]).standing is EffectStanding.WORSE


def test_rounds_are_compared_within_themselves():
    """The base rate falls while the arm's share rises: pooled, an equal arm looks much worse."""
    rounds = [
        Round(0.1, liked(190, 10), liked(1_710, 90)),
        Round(0.9, liked(900, 900), liked(100, 100)),
    ]
    found = arm_effect(LIKED, "a", rounds, alpha=0.05, least=100)
    assert found.standing is EffectStanding.UNDECIDED
    assert abs(found.effect) < 1e-9
    pooled = judged(LIKED, liked(1_090, 910), liked(1_810, 190))
    assert pooled.standing is EffectStanding.WORSE


def test_under_looking_after_every_batch_an_equal_arm_wins_at_most_as_often_as_alpha():
    alpha, runs = 0.1, 200
    chance = random.Random(7)
    wrong = 0
    for _ in range(runs):
        sides = [[0, 0], [0, 0]]
        for _look in range(60):
            for side in sides:
                yes = sum(chance.random() < 0.6 for _ in range(20))
                side[0] += yes
                side[1] += 20 - yes
            if judged(LIKED, liked(*sides[0]), liked(*sides[1]), alpha=alpha).standing is EffectStanding.BETTER:
                wrong += 1
                break
    assert wrong / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def experiment(objectives: list[dict[str, object]], **arms: Summary):
    """Standings of arms beside a control of the same name."""
    names = [name for name in arms if name != "stable"]
    document = {
        "service": "bot",
        "variants": {"control": "@stable", **dict.fromkeys(names, "v1.1.0")},
        "strategy": "ab_test",
        "objectives": objectives,
    }
    spec = parse_release(document)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    versions = {name: f"bot/v1.{n}.0-0000000{n}" for n, name in enumerate(names, 1)}
    state = new_release(
        release_id="rel_1", service="bot", candidate=versions[names[0]], stable="bot/v1.0.0-1", now=now, arms=versions
    )
    shares = dict.fromkeys(names, 10_000 // (len(names) + 1))
    state = msgspec.structs.replace(state, experiment=Experiment(step=0, shares=(shares,), round_at=now))
    counts = [
        StepCounts(attempt=1, step=0, variant=name, total=each, window=each, compared=each)
        for name, each in arms.items()
    ]
    return spec, state, standings(spec, state, counts, 100)


def test_the_leading_of_several_better_arms_wins_and_a_vetoing_objective_stops_it():
    arms = {"stable": liked(600, 400), "good": liked(800, 200), "best": liked(950, 50), "same": liked(600, 400)}
    spec, state, effects = experiment([{"metric": "feedback:liked"}], **arms)
    assert winner(spec, state, effects) == "best"
    assert leader(effects, ["good", "same"]) == "good"
    assert leader(effects, []) is None
    assert not is_lost(effects, state)
    spec, state, effects = experiment(
        [{"metric": "feedback:liked"}, {"metric": "error_rate", "max_increase": "1%"}], **arms
    )
    assert winner(spec, state, effects) is None  # nobody knows of errors: no data is no good news


def test_an_arm_of_which_nothing_is_known_does_not_lead_a_known_one():
    arms = {"stable": liked(600, 400), "worse": liked(500, 500), "unknown": liked(0, 0), "other": liked(0, 0)}
    _, _, effects = experiment([{"metric": "feedback:liked"}], **arms)
    assert leader(effects, ["unknown", "worse", "other"]) == "worse"
    assert leader(effects, ["unknown", "other"]) is None
    assert leader(effects, ["unknown"]) == leader((), ["unknown"]) == "unknown"  # there is nobody else to lead


def test_arms_that_are_all_surely_worse_are_lost():
    arms = {"stable": liked(900, 100), "a": liked(500, 500), "b": liked(400, 600)}
    spec, state, effects = experiment([{"metric": "feedback:liked"}], **arms)
    assert is_lost(effects, state)
    assert winner(spec, state, effects) is None


def test_alpha_is_shared_over_arms_and_objectives():
    arms = {"stable": liked(600, 400), "a": liked(620, 380), "b": liked(620, 380)}
    _, _, two = experiment([{"metric": "feedback:liked"}], **arms)
    _, _, one = experiment([{"metric": "feedback:liked"}], stable=arms["stable"], a=arms["a"])
    assert two[0].upper - two[0].lower > one[0].upper - one[0].lower
