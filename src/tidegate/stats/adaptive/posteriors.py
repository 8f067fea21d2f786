"""What is believed of each arm's reward after some of it was seen, checked once for all who compute with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class RatePosteriors(NamedTuple):
    """Beta(a, b) of each arm's success rate, shapes (arms,).

    Attributes:
        a: 1 + successes.
        b: 1 + failures.
    """

    a: Floats
    b: Floats

    @property
    def means(self) -> Floats:
        """Shape (arms,)."""
        return self.a / (self.a + self.b)

    @property
    def deviations(self) -> Floats:
        """Standard deviations, shape (arms,)."""
        return np.sqrt(self.means * (1 - self.means) / (self.a + self.b + 1))


class MeanPosteriors(NamedTuple):
    """A normal posterior of each arm's mean, shapes (arms,)."""

    means: Floats
    deviations: Floats


def rate_posteriors(successes: Sequence[float], trials: Sequence[float]) -> RatePosteriors:
    """Of success rates under uniform priors.

    Args:
        successes: of each arm, at most its trials; fractions are allowed (scores within 0 ... 1).
        trials: of each arm.

    Raises:
        ValueError: shapes differ, or an arm has more successes than trials.
    """
    won, tried = np.asarray(successes, float), np.asarray(trials, float)
    if won.shape != tried.shape or np.any(won < 0) or np.any(won > tried):
        raise ValueError(f"each arm needs 0 <= successes <= trials, and {list(successes)} of {list(trials)} is not")
    return RatePosteriors(1 + won, 1 + tried - won)


def mean_posteriors(means: Sequence[float], standard_errors: Sequence[float]) -> MeanPosteriors:
    """Of means under flat priors.

    Args:
        means: of each arm.
        standard_errors: of these means, finite and at least 0.

    Raises:
        ValueError: shapes differ, or a standard error is negative or not finite.
    """
    middle, errors = np.asarray(means, float), np.asarray(standard_errors, float)
    if middle.shape != errors.shape or not np.all(np.isfinite(errors)) or np.any(errors < 0):
        raise ValueError(f"each arm needs a mean and a finite standard error, and {list(standard_errors)} are not")
    return MeanPosteriors(middle, errors)
