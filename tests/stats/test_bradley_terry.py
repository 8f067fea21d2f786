from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from tidegate.stats.bradley_terry import log_strengths, rank


def test_two_variants_have_the_log_odds_of_their_wins():
    found = log_strengths(np.array([[0, 30.0], [10.0, 0]]), prior=0)
    assert found[0] - found[1] == pytest.approx(math.log(3))
    assert found.sum() == pytest.approx(0)


def test_strengths_are_those_of_a_logistic_regression():
    wins = np.array([[0, 12, 30, 9], [8, 0, 22, 14], [5, 9, 0, 7], [11, 6, 20, 0.0]])
    rows, weights, outcome = [], [], []
    for i in range(4):
        for j in range(4):
            if i < j:
                design = np.zeros(4)
                design[i], design[j] = 1, -1
                rows += [design, design]
                outcome += [1, 0]
                weights += [wins[i, j], wins[j, i]]
    fitted = sm.GLM(outcome, np.array(rows)[:, :3], family=sm.families.Binomial(), freq_weights=weights).fit()
    ours = log_strengths(wins, prior=0)
    assert ours[:3] - ours[3] == pytest.approx(fitted.params, abs=1e-6)


def test_a_variant_that_never_lost_needs_a_prior():
    flawless = np.array([[0, 5.0], [0, 0]])
    with pytest.raises(ValueError, match="prior"):
        log_strengths(flawless, prior=0)
    assert log_strengths(flawless)[0] == pytest.approx(math.log(5.5 / 0.5) / 2)
    with pytest.raises(ValueError, match="square"):
        log_strengths(np.zeros((1, 1)))
    with pytest.raises(ValueError, match="conversation"):
        rank(np.zeros((0, 2, 2)), np.random.default_rng(0))


def test_the_bootstrap_over_conversations_covers_where_one_over_pairs_would_not():
    generator, true, covered, widths = np.random.default_rng(11), 0.4, 0, []
    for _ in range(120):
        taste = generator.normal(0, 1.5, 60)  # of a conversation, shared by its pairs
        conversations = np.zeros((60, 2, 2))
        likes = generator.binomial(10, 1 / (1 + np.exp(-(true + taste))))
        conversations[:, 0, 1], conversations[:, 1, 0] = likes, 10 - likes
        found = rank(conversations, generator, draws=100, prior=0)
        marginal = np.mean(1 / (1 + np.exp(-(true + np.random.default_rng(1).normal(0, 1.5, 40_000)))))
        covered += found.lower[0] <= math.log(marginal / (1 - marginal)) / 2 <= found.upper[0]
        widths.append(found.upper[0] - found.lower[0])
    assert covered / 120 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 120)
    assert np.mean(widths) > 1.5 * 2 * 1.96 / 2 * math.sqrt(4 / 600)  # wider than 600 independent pairs would be
