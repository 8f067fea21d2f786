"""More than two answers compared pairwise: Bradley-Terry strengths, with a bootstrap over conversations.

Variant i is preferred over j with probability s_i / (s_i + s_j). A tie is half a win of each. The likelihood is
maximised by the minorisation of Hunter, Ann. Statist. 32(1), 2004, equation (3):

    s_i  <-  W_i / sum_j n_ij / (s_i + s_j),

which converges when every variant has won, at least indirectly, against every other one (Ford, Amer. Math. Monthly
64(8), 1957); half a win of everybody against everybody (``prior``) makes that so and is Zermelo's regularisation. The
model: Bradley, Terry, Biometrika 39, 1952.

Pairs of one conversation are alike, so intervals come from drawing whole conversations again (cluster bootstrap,
Field, Welsh, J. R. Stat. Soc. B 69(3), 2007): for reports, not for looking continuously. Not when preferences go in
circles: one number a variant cannot show that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS, _CLOSE = 10_000, 1e-10


class Ranking(NamedTuple):
    """Strengths with intervals.

    Attributes:
        strengths: natural log, mean 0, shape (variants,).
        lower, upper: bootstrap percentiles, shape (variants,).
        win_probability: of row against column, shape (variants, variants), a half on the diagonal.
    """

    strengths: Floats
    lower: Floats
    upper: Floats
    win_probability: Floats


def log_strengths(wins: Floats, prior: float = 0.5) -> Floats:
    """Log strengths, mean 0, shape (variants,).

    Args:
        wins: wins of row over column, ties as half, shape (variants, variants); the diagonal is ignored.
        prior: wins added to every pair; 0 needs every variant to have beaten every other one at least indirectly.

    Raises:
        ValueError: not a square matrix of at least two variants, negative wins, or strengths that do not converge.
    """
    counts = np.asarray(wins, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2 or np.any(counts < 0):
        raise ValueError(f"wins are a square matrix of numbers >= 0 over at least two variants, not {counts.shape}")
    counts = (counts + prior) * (1 - np.eye(len(counts)))
    games, won, strengths = counts + counts.T, counts.sum(axis=1), np.ones(len(counts))
    for _ in range(_STEPS):
        updated = won / (games / (strengths[:, None] + strengths[None, :])).sum(axis=1)
        if not np.all(updated > 0):
            break
        updated /= np.exp(np.mean(np.log(updated)))
        if np.max(np.abs(np.log(updated / strengths))) < _CLOSE:
            return np.asarray(np.log(updated), np.float64)
        strengths = updated
    raise ValueError("the strengths have no finite maximum: some variant never won or never lost; use a prior above 0")


def rank(
    conversations: Floats, generator: np.random.Generator, alpha: float = 0.05, draws: int = 500, prior: float = 0.5
) -> Ranking:
    """Strengths with intervals that know that pairs of one conversation are alike.

    Args:
        conversations: wins of row over column in each, ties as half, shape (conversations, variants, variants).
        generator: the only source of chance.
        alpha: two-sided, of each interval.
        draws: of the bootstrap.
        prior: as for :func:`log_strengths`.

    Raises:
        ValueError: no conversations, or as :func:`log_strengths`.
    """
    if not len(conversations):
        raise ValueError("a ranking needs at least one conversation")
    found = log_strengths(conversations.sum(axis=0), prior)
    repeats = generator.multinomial(len(conversations), np.full(len(conversations), 1 / len(conversations)), draws)
    again = np.array([log_strengths(np.tensordot(r, conversations, 1), prior) for r in repeats])
    lower, upper = np.quantile(again, [alpha / 2, 1 - alpha / 2], axis=0)
    return Ranking(found, lower, upper, 1 / (1 + np.exp(found[None, :] - found[:, None])))
