"""The arrays of the benchmark act exactly when the product's own functions would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.statistics import looks, worlds

from tidegate.stats import bernoulli, betting, paired, preference, sample_ratio
from tidegate.stats.arm_prediction import Stratum, log_evidence_of_frequent_harm, log_evidence_of_harm
from tidegate.stats.asymptotic import MINIMUM_VALUES, Pair, log_ratio_of_means
from tidegate.stats.comparison import difference_of_rates
from tidegate.stats.distribution import Distribution

ENOUGH = math.log(20)


def counted(step: looks.Stratum, units: int) -> Stratum:
    arm, event = step.arm[:units], step.event[:units]
    return Stratum(step.share, int((arm & event).sum()), int(arm.sum()), int((~arm & event).sum()), int((~arm).sum()))


def first(evidence, looked) -> int | None:
    return next((n for n in looked if evidence(n) >= ENOUGH), None)


@pytest.mark.parametrize("seed", range(4))
def test_rare_and_frequent_events(seed):
    generator = np.random.default_rng(seed)
    steps = worlds.steps(generator, (0.1, 300, 0.05, 0.15), (0.4, 300, 0.05, 0.15))

    def strata(n: int) -> list[Stratum]:
        return [counted(steps[0], n)] if n <= 300 else [counted(steps[0], 300), counted(steps[1], n - 300)]

    looked = range(1, 601)
    assert looks.rare(steps) == first(lambda n: log_evidence_of_harm(strata(n)), looked)
    predicted = [0.05, 0.1]
    assert looks.frequent(steps, predicted) == first(
        lambda n: log_evidence_of_frequent_harm(strata(n), predicted[: len(strata(n))]), looked
    )


@pytest.mark.parametrize("seed", range(3))
def test_bounds_limits_and_sample_ratios(seed):
    generator = np.random.default_rng(seed)
    (step,) = worlds.steps(generator, (0.3, 700, 0.05, 0.3))

    def gap(n: int) -> float:
        c = counted(step, n)
        arms = (c.candidate_events, c.candidate_trials), (c.stable_events, c.stable_trials)
        return difference_of_rates(*arms, 0.05).lower

    assert looks.difference_of_bounds(step) == next((n for n in range(1, 701) if gap(n) > 0), None)
    events = np.cumsum(step.event)
    at = next(
        (n for n in range(1, 701) if events[n - 1] >= 5 and bernoulli.bounds(int(events[n - 1]), n, 0.05)[0] > 0.06),
        None,
    )
    assert looks.limit(step.event, 0.06) == at
    n_c = np.cumsum(step.arm)
    alarm = -math.log(sample_ratio.ALARM)
    wrong = next(
        (
            n
            for n in range(1, 701)
            if sample_ratio.log_mismatch((int(n_c[n - 1]), n - int(n_c[n - 1])), (0.2, 0.8)) >= alarm
        ),
        None,
    )
    assert looks.mismatch(step.arm, 0.2) == wrong


def test_means_and_pairs_and_preferences():
    generator = np.random.default_rng(9)
    arm, values = worlds.log_normal(generator, 800, 0.5, 0.4, 1.3)
    values = np.rint(values)

    def lower(n: int) -> float:
        arms = [
            sum((Distribution.of(int(v)) for v in values[:n][side]), Distribution()) for side in (arm[:n], ~arm[:n])
        ]
        if min(a.count for a in arms) < MINIMUM_VALUES:
            return -math.inf
        return log_ratio_of_means([Pair(*arms)], 0.05, horizon=4_000).lower

    found = looks.means(arm, values)
    assert found is not None
    assert lower(found) > 0 >= lower(found - 1)
    differences = np.rint(generator.normal(20, 100, 400))
    sums = [paired.Differences.of(int(d) for d in differences[:n]) for n in range(1, 401)]
    assert looks.pairs(differences, 50.0) == first(
        lambda n: paired.log_evidence_of_increase(sums[n - 1], scale=50), range(1, 401)
    )
    outcomes = generator.choice([-1, 0, 1], 300, p=[0.2, 0.3, 0.5])

    def pairs(n: int) -> preference.Preferences:
        return preference.Preferences(*(int((outcomes[:n] == side).sum()) for side in (1, 0, -1)))

    assert looks.wins(outcomes) == first(lambda n: preference.log_evidence_of_better(pairs(n)), range(1, 301))
    rates = (outcomes + 1) / 2
    assert looks.scores(rates, 0.45) == first(
        lambda n: betting.log_evidence_above(pairs(n).scores, 0.45), range(1, 301)
    )


def test_streams_are_what_their_names_say():
    generator = np.random.default_rng(2)
    asked, arm, event = worlds.sticky_users(generator, 200, 0.3, 0.1, 0.2, 60_000)
    assert len(worlds.firsts(asked)) == 200
    assert all(len(set(arm[asked == user])) == 1 for user in range(20))
    rates = np.array([event[asked == user].mean() for user in range(200)])
    assert rates.var() / (0.1 * 0.9) == pytest.approx(0.2, abs=0.08)  # 200 users only
    epochs = worlds.bandit(generator, (0.1, 0.5), epochs=20)
    assert epochs[-1].share == 0.95
