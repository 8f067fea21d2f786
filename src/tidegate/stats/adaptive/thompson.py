"""Thompson sampling and its top-two form, as allocations over arms.

An arm gets the probability of being the best one under the posterior (Thompson, Biometrika 25, 1933). That starves
the second best, which is what a decision needs most, so *top-two* (Russo, Oper. Res. 68(6), 2020, algorithm TTTS)
plays the leader with probability b only, and otherwise draws until somebody else leads:

    psi_i = alpha_i (b + (1 - b) sum_{j != i} alpha_j / (1 - alpha_j)),      alpha_i = P(i is best).

Posteriors: Beta(1 + s, 1 + f) for rewards of 0 and 1, normal for means with known standard errors. The random
generator is an argument: one seed, one allocation.

Assumptions: the better arm is better all the time; rewards are compared within one population. An allocation decides
nothing: use an e-process to stop, and :mod:`~tidegate.stats.adaptive.weighting` for effect sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.stats.adaptive.posteriors import Floats, mean_posteriors, rate_posteriors

DRAWS = 10_000
"""The standard error of a probability of being best is then at most 0.5 points."""
_RAREST = 1e-6


def beta_draws(
    successes: Sequence[float], trials: Sequence[float], generator: np.random.Generator, draws: int = DRAWS
) -> Floats:
    """Draws of each arm's success rate from Beta(1 + successes, 1 + failures), shape (draws, arms).

    Args:
        successes, trials: as of :func:`~tidegate.stats.adaptive.posteriors.rate_posteriors`.
        generator: the only source of chance.
        draws: rows.

    Raises:
        ValueError: shapes differ, or an arm has more successes than trials.
    """
    found = rate_posteriors(successes, trials)
    return generator.beta(*found, size=(draws, len(found.a)))


def normal_draws(
    means: Sequence[float], standard_errors: Sequence[float], generator: np.random.Generator, draws: int = DRAWS
) -> Floats:
    """Draws of each arm's mean from a normal posterior, shape (draws, arms); larger is better.

    Args:
        means, standard_errors: as of :func:`~tidegate.stats.adaptive.posteriors.mean_posteriors`.
        generator: the only source of chance.
        draws: rows.

    Raises:
        ValueError: shapes differ, or a standard error is negative or not finite.
    """
    found = mean_posteriors(means, standard_errors)
    return generator.normal(*found, size=(draws, len(found.means)))


def thompson(draws: Floats) -> Floats:
    """The probability that each arm is best, shape (arms,), summing to 1; ties go to the first."""
    return np.asarray(np.bincount(np.argmax(draws, axis=1), minlength=draws.shape[1]) / len(draws), np.float64)


def top_two(draws: Floats, leader: float = 0.5) -> Floats:
    """Top-two allocation, shape (arms,), summing to 1.

    Args:
        draws: from a posterior, shape (draws, arms), at least two arms.
        leader: b, the probability of playing the arm that leads in a draw, within (0, 1].

    Raises:
        ValueError: fewer than two arms, or ``leader`` outside (0, 1].
    """
    smoothed = np.bincount(np.argmax(draws, axis=1), minlength=draws.shape[1]) + 0.5
    return top_two_shares(smoothed / smoothed.sum(), leader)


def top_two_shares(best: Floats, leader: float = 0.5) -> Floats:
    """The same from the probabilities of being best (:mod:`~tidegate.stats.adaptive.best_arm`), without chance.

    Args:
        best: of at least two arms, summing to 1; one that is certain counts as nearly so.
        leader: b, within (0, 1].

    Raises:
        ValueError: fewer than two arms, or ``leader`` outside (0, 1].
    """
    if len(best) < 2 or not 0 < leader <= 1:
        raise ValueError(f"top-two needs two arms and a leader's part within (0, 1], not {len(best)}, {leader}")
    likely = np.clip(np.asarray(best, float), _RAREST, None)
    likely = likely / likely.sum()
    odds = likely / (1 - likely)
    return np.asarray(likely * (leader + (1 - leader) * (odds.sum() - odds)), np.float64)
