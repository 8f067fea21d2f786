"""Differences under weights that move: the sums are those of single units, and the promises hold while everybody looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tidegate.stats.adaptive.best_arm import best_of_rates
from tidegate.stats.adaptive.contrast import Contest, Contrast, Side, contrast


def side(values) -> Side:
    return Side(len(values), float(values.sum()), float((values**2).sum()))


def test_sums_of_rounds_are_those_of_single_units():
    generator, rounds, scores, weights = np.random.default_rng(3), [], [], []
    for share, m in ((0.5, 0.5), (0.1, 0.3), (0.8, 0.7)):
        first = generator.random(60) < share
        rewards = generator.random(60)
        scores.append(np.where(first, (1 - share) * (rewards - m), -share * (rewards - m)))
        weights.append(np.full(60, share * (1 - share)))
        rounds.append(Contest(share, m, side(rewards[first]), side(rewards[~first])))
    x, h, found = np.concatenate(scores), np.concatenate(weights), contrast(rounds)
    assert found.units == 180
    assert found.estimate == pytest.approx(x.sum() / h.sum())
    assert found.standard_error == pytest.approx(math.sqrt(((x - found.estimate * h) ** 2).sum()) / h.sum())
    low, high = found.bounds(0.05)
    assert -1 <= low < found.estimate < high <= 1
    assert found.log_evidence_above(low) >= math.log(20) * (1 - 1e-9)
    turned = contrast(Contest(1 - r.share, r.prediction, r.second, r.first) for r in rounds)
    assert turned.estimate == pytest.approx(-found.estimate)
    assert turned.bounds(0.05) == pytest.approx((-high, -low), abs=1e-9)


def test_without_units_everything_is_possible():
    assert Contrast().bounds(0.05) == (-1.0, 1.0)
    assert contrast([]) == Contrast()
    assert Contrast().log_evidence_above() == pytest.approx(0.0)
    assert math.isnan(Contrast().estimate)
    assert Contrast().standard_error == math.inf
    with pytest.raises(ValueError, match="share"):
        contrast([Contest(1.0, 0.5, Side(0, 0, 0), Side(0, 0, 0))])
    with pytest.raises(ValueError, match="prediction"):
        contrast([Contest(0.5, 1.5, Side(0, 0, 0), Side(0, 0, 0))])


@pytest.mark.parametrize("rates", [(0.3, 0.3), (0.9, 0.8)])
def test_the_difference_is_covered_at_every_look_while_shares_follow_it_and_rates_drift(rates):
    missed = sum(_is_missed(seed, rates) for seed in range(60))
    assert missed <= 60 * 0.05 + 3 * math.sqrt(60 * 0.05 * 0.95)


def _is_missed(seed: int, rates: tuple[float, float]) -> bool:
    """Rewards drift by 20 points while Thompson sampling moves the shares; a look after each of 30 epochs."""
    generator, rounds, share, m = np.random.default_rng(seed), [], 0.5, 0.5
    totals, counts, is_out = np.zeros(2), np.zeros(2), False
    for epoch in range(30):
        n = generator.binomial(200, share)
        won = generator.binomial([n, 200 - n], np.array(rates) - 0.2 * epoch / 30)
        rounds.append(Contest(share, m, Side(n, won[0], won[0]), Side(200 - n, won[1], won[1])))
        totals, counts = totals + won, counts + np.array([n, 200 - n])
        m = float((totals.sum() + 0.5) / (counts.sum() + 1))
        share = float(np.clip(best_of_rates(totals, counts)[0], 0.05, 0.95))
        sums, gap, enough = contrast(rounds), rates[0] - rates[1], math.log(40)
        is_out |= sums.log_evidence_above(gap) >= enough or sums.log_evidence_below(gap) >= enough
    return bool(is_out)


def test_rounds_are_never_pooled():
    """Equal arms; the first gets more and more while rewards fall: pooled, it looks 17 points worse."""
    rounds = [
        Contest(
            share, rate, Side(round(1_000 * share), 1_000 * share * rate, 1_000 * share * rate), Side(rest, won, won)
        )
        for share, rate in ((0.1, 0.5), (0.5, 0.4), (0.9, 0.2))
        if (rest := round(1_000 * (1 - share))) and (won := 1_000 * (1 - share) * rate)
    ]
    firsts, seconds = ([getattr(each, name) for each in rounds] for name in ("first", "second"))
    pooled = [sum(side.total for side in sides) / sum(side.size for side in sides) for sides in (firsts, seconds)]
    assert pooled[0] - pooled[1] < -0.15
    assert contrast(rounds).estimate == pytest.approx(0.0, abs=1e-12)


def test_a_better_arm_is_found():
    rounds = [Contest(0.3, 0.6, Side(300, 210, 210), Side(700, 420, 420)) for _ in range(4)]
    assert contrast(rounds).log_evidence_above() > math.log(40)
    assert contrast(rounds).log_evidence_below() < 0
    assert contrast(rounds).estimate == pytest.approx(0.1)
