from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from tidegate.stats.adaptive.track_and_stop import (
    bernoulli,
    characteristic_time,
    gaussian,
    optimal_shares,
    stopping,
    tracking_shares,
)


def smallest_evidence(shares, means, divergence):
    best = int(np.argmax(means))
    found = []
    for b, mean in enumerate(means):
        if b == best:
            continue
        pooled = (shares[best] * means[best] + shares[b] * mean) / (shares[best] + shares[b])
        found.append(shares[best] * divergence(means[best], pooled) + shares[b] * divergence(mean, pooled))
    return min(found)


@pytest.mark.parametrize(
    ("means", "divergence"),
    [
        ((0.5, 0.45, 0.43, 0.4), bernoulli),
        ((0.3, 0.21, 0.2, 0.19, 0.18), bernoulli),
        ((1.0, 0.5, 0.0), gaussian(1.0)),
    ],
)
def test_shares_maximise_the_smallest_evidence(means, divergence):
    shares = optimal_shares(means, divergence)
    assert shares.sum() == pytest.approx(1)
    best = smallest_evidence(shares, means, divergence)
    k = len(means)
    slack = optimize.minimize(
        lambda v: -v[-1],
        [*([1 / k] * k), 0.0],
        constraints=[
            {"type": "eq", "fun": lambda v: v[:k].sum() - 1},
            {
                "type": "ineq",
                "fun": lambda v: 1e3 * (smallest_evidence(np.maximum(v[:k], 1e-9), means, divergence) - v[-1]),
            },
        ],
        bounds=[(1e-6, 1)] * k + [(0, 1)],
        method="SLSQP",
        options={"maxiter": 400},
    )
    assert best >= -slack.fun * (1 - 1e-3)


def test_published_shares_of_two_bandits():
    """Garivier and Kaufmann 2016, section 6: w of mu = (.5, .45, .43, .4) and of (.3, .21, .2, .19, .18)."""
    assert optimal_shares((0.5, 0.45, 0.43, 0.4)) == pytest.approx([0.417, 0.390, 0.136, 0.057], abs=6e-4)
    assert optimal_shares((0.3, 0.21, 0.2, 0.19, 0.18)) == pytest.approx([0.336, 0.251, 0.177, 0.132, 0.104], abs=6e-4)


def test_two_gaussian_arms_share_equally_and_need_eight_variances_over_the_squared_gap():
    assert optimal_shares((1.0, 0.5), gaussian(4.0)) == pytest.approx([0.5, 0.5])
    assert characteristic_time((1.0, 0.5), gaussian(4.0)) == pytest.approx(8 * 4 / 0.25)


def test_tied_best_arms_share_and_are_never_told_apart():
    assert optimal_shares((0.4, 0.4, 0.1)) == pytest.approx([0.5, 0.5, 0])
    assert characteristic_time((0.4, 0.4, 0.1)) == math.inf
    with pytest.raises(ValueError, match="beside"):
        optimal_shares((0.4,))


@given(st.lists(st.integers(0, 500), min_size=2, max_size=6), st.integers(1, 1_000), st.data())
def test_the_next_batch_is_a_distribution(counts, batch, data):
    raw = np.array(data.draw(st.lists(st.floats(0.01, 1), min_size=len(counts), max_size=len(counts))))
    shares = tracking_shares(counts, raw / raw.sum(), batch)
    assert shares.sum() == pytest.approx(1)
    assert np.all(shares >= -1e-12)


def test_batches_bring_the_counts_to_the_wanted_shares():
    counts, wanted = np.array([900.0, 50.0, 50.0]), np.array([0.2, 0.5, 0.3])
    for _ in range(40):
        counts += 100 * tracking_shares(counts.astype(int).tolist(), wanted, 100)
    assert counts / counts.sum() == pytest.approx(wanted, abs=0.01)


def test_an_arm_without_units_keeps_the_search_open():
    assert not stopping([0, 5], [0, 10], 0.05).is_found
    found = stopping([900, 100], [1_000, 1_000], 0.05)
    assert found.is_found
    assert found.best == 0
    assert found.threshold == pytest.approx(math.log(2 * 2_000 / 0.05))


def test_the_search_finds_the_best_arm_and_seldom_another():
    generator, wrong, lengths = np.random.default_rng(12), 0, []
    means = np.array([0.5, 0.3, 0.3])
    for _ in range(60):
        totals, counts = np.zeros(3), np.zeros(3, int)
        for _ in range(200):
            estimates = [(t + 1) / (n + 2) for t, n in zip(totals, counts, strict=True)]
            shares = tracking_shares(counts.tolist(), optimal_shares(estimates), 50)
            drawn = generator.multinomial(50, shares / shares.sum())
            counts += drawn
            totals += generator.binomial(drawn, means)
            state = stopping(totals.tolist(), counts.tolist(), 0.05)
            if state.is_found:
                break
        wrong += state.best != 0
        lengths.append(counts.sum())
    assert wrong <= 3
    assert np.mean(lengths) < 8 * characteristic_time(means.tolist()) * math.log(1 / 0.05)


def test_means_that_differ_little_do_not_take_everything_by_rounding():
    """The divergence of nearly equal means, rounded, was below 0, and turned a balance around."""
    shares = optimal_shares([0.5997774473623482, 0.6055871529875905, 0.747849452864334])
    assert shares == pytest.approx(optimal_shares([0.5998, 0.6056, 0.7478]), abs=0.01)
    assert np.argmax(shares) == 2
    generator = np.random.default_rng(8)
    for _ in range(300):
        means = generator.uniform(0.3, 0.8, 3)
        shares = optimal_shares(means.tolist())
        assert shares.sum() == pytest.approx(1.0)
        assert shares[np.argmax(means)] > 0.2
