from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tidegate.stats.adaptive.thompson import beta_draws, normal_draws, thompson, top_two


def test_one_seed_gives_one_allocation():
    one, other = (thompson(beta_draws([3, 9], [40, 50], np.random.default_rng(4))) for _ in range(2))
    assert np.array_equal(one, other)


def test_an_arm_gets_the_probability_of_being_best():
    shares = thompson(normal_draws([0.0, 1.0], [1.0, 1.0], np.random.default_rng(1), 200_000))
    assert shares.sum() == pytest.approx(1)
    assert shares[1] == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.004)


def test_draws_follow_the_posterior():
    draws = beta_draws([30, 0], [100, 0], np.random.default_rng(2), 40_000)
    assert draws.shape == (40_000, 2)
    assert stats.kstest(draws[:, 0], stats.beta(31, 71).cdf).pvalue > 0.001
    assert stats.kstest(draws[:, 1], stats.uniform.cdf).pvalue > 0.001


def test_top_two_is_what_drawing_until_another_leads_would_give():
    generator = np.random.default_rng(3)
    draws = normal_draws([0.0, 0.3, 0.5, -1.0], [0.4, 0.4, 0.4, 0.4], generator, 20_000)
    shares = top_two(draws, 0.6)
    leaders = np.argmax(draws, axis=1)
    played = np.zeros(4)
    for leader in leaders[:20_000]:
        if generator.random() < 0.6:
            played[leader] += 1
            continue
        other = leader
        while other == leader:
            other = leaders[generator.integers(len(leaders))]
        played[other] += 1
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(played / played.sum(), abs=0.015)


def test_top_two_keeps_playing_the_second_best_when_the_best_is_sure():
    draws = normal_draws([0.0, 9.0, 0.1], [0.1, 0.1, 0.1], np.random.default_rng(5))
    assert top_two(draws, 0.5)[1] == pytest.approx(0.5, abs=0.01)
    assert thompson(draws)[1] == 1


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="successes"):
        beta_draws([5], [4], np.random.default_rng(0))
    with pytest.raises(ValueError, match="finite"):
        normal_draws([0.0], [float("inf")], np.random.default_rng(0))
    with pytest.raises(ValueError, match="two arms"):
        top_two(np.zeros((10, 1)))
