"""The probability that each arm is the best one, by integration: no chance takes part, so it can be computed again.

    P(i is best) = integral of prod_{j != i} F_j(x) dF_i(x)

over posteriors with distribution functions F: Beta(1 + s, 1 + f) for rewards of 0 and 1, normal for means with known
standard errors. It is what Thompson sampling plays each arm with (Thompson, Biometrika 25, 1933). The integral is a
sum over a grid that is fine where each posterior lies, accurate to about 0.001.

Assumptions: posteriors are independent; larger is better. Not a test: under equal arms the probability wanders all
over (0, 1). Needs numpy and scipy.special.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import betainc, ndtr

from tidegate.stats.adaptive.posteriors import Floats, mean_posteriors, rate_posteriors

_POINTS = 120  # of the grid for each arm
_REACH = 6.0  # standard deviations that it covers to each side
_NARROWEST = 1e-12


def best_of_rates(successes: Sequence[float], trials: Sequence[float]) -> Floats:
    """Of success rates under uniform priors, shape (arms,), summing to 1.

    Args:
        successes, trials: as of :func:`~tidegate.stats.adaptive.posteriors.rate_posteriors`.

    Raises:
        ValueError: shapes differ, or an arm has more successes than trials.
    """
    found = rate_posteriors(successes, trials)
    points = np.clip(_grid(found.means, found.deviations), 0.0, 1.0)
    return _best(np.asarray(betainc(*found, points[:, None]), np.float64))


def best_of_means(means: Sequence[float], standard_errors: Sequence[float]) -> Floats:
    """Of means under flat priors, shape (arms,), summing to 1.

    Args:
        means, standard_errors: as of :func:`~tidegate.stats.adaptive.posteriors.mean_posteriors`.

    Raises:
        ValueError: shapes differ, or a standard error is negative or not finite.
    """
    middle, errors = mean_posteriors(means, standard_errors)
    spread = np.maximum(errors, _NARROWEST * max(1.0, float(np.max(np.abs(middle)))))
    return _best(np.asarray(ndtr((_grid(middle, spread)[:, None] - middle) / spread), np.float64))


def _grid(middle: Floats, spread: Floats) -> Floats:
    return np.sort((middle + np.linspace(-_REACH, _REACH, _POINTS)[:, None] * spread).ravel())


def _best(below: Floats) -> Floats:
    """From distribution functions on one grid, shape (points, arms): what each arm gains between two points, times the
    chance that every other one lies below."""
    gains, between = np.diff(below, axis=0), (below[1:] + below[:-1]) / 2
    arms = below.shape[1]
    others = np.stack([np.prod(np.delete(between, arm, axis=1), axis=1) for arm in range(arms)], axis=1)
    found = (gains * others).sum(axis=0)
    return np.asarray(found / found.sum(), np.float64)
