"""Which of two answers is preferred: wins, ties and losses, looked at as often as one likes.

Dropping ties, a win of equal arms is a fair coin. For "the candidate is preferred more often than ``t``",

    E = sum_j w_j (t_j / t)**W ((1 - t_j) / (1 - t))**L,        logit t_j = logit t + d_j,

with W wins, L losses and the grid of :mod:`~tidegate.stats.mixture`; for t = 1/2 this is the sign test's
sum_j w_j (2 t_j)**W (2 (1 - t_j))**L. Source: Ramdas, Grünwald, Vovk, Shafer, Statist. Sci. 38(4), 2023
(likelihood ratios as e-processes); the sign test goes back to Arbuthnot, 1710.

The *win rate* counts a tie as half a win, (W + T/2) / n, and is judged as a bounded score by betting
(:mod:`~tidegate.stats.betting`): many ties are then evidence that the arms are alike, which a sign test cannot see.

Assumptions: one pair for each unit (conversation), the order of the two answers randomised, or asked in both orders
with disagreement counted as a tie. Not for several pairs of one conversation counted as independent.
"""

from __future__ import annotations

import math

import msgspec

from tidegate.stats import bernoulli, betting
from tidegate.stats.mixture import GRID, LOG_WEIGHTS, expit, log_sum, logit

LEAST_WIN_RATE = 0.45
"""What a candidate must surely exceed to be no worse than stable: half would never let an equal one pass."""


class Preferences(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive counts of pairs, from the candidate's view."""

    wins: int = 0
    ties: int = 0
    losses: int = 0

    def __add__(self, other: Preferences) -> Preferences:
        return Preferences(self.wins + other.wins, self.ties + other.ties, self.losses + other.losses)

    @property
    def count(self) -> int:
        """Pairs."""
        return self.wins + self.ties + self.losses

    @property
    def win_rate(self) -> float:
        """(W + T/2) / n; NaN without pairs."""
        return (self.wins + self.ties / 2) / self.count if self.count else math.nan

    @property
    def scores(self) -> dict[int, int]:
        """The pairs as scores for :mod:`~tidegate.stats.betting`."""
        return {0: self.losses, betting.SCALE // 2: self.ties, betting.SCALE: self.wins}


def log_evidence_of_better(pairs: Preferences, than: float = 0.5) -> float:
    """log E against "of the decided pairs the candidate wins at most ``than``"; act at log(1/alpha).

    Args:
        pairs: ties are left out; without a decided pair there is no evidence (0).
        than: within (0, 1).
    """
    start = logit(than)
    return log_sum([w + _log_ratio(pairs, start + d, than) for d, w in zip(GRID, LOG_WEIGHTS, strict=True)])


def log_evidence_of_worse(pairs: Preferences, than: float = 0.5) -> float:
    """log E against "of the decided pairs the candidate wins at least ``than``"; act at log(1/alpha)."""
    return log_evidence_of_better(Preferences(pairs.losses, pairs.ties, pairs.wins), 1 - than)


def log_evidence_of_difference(pairs: Preferences) -> float:
    """log E against "both are preferred equally often", whichever wins."""
    return log_sum([log_evidence_of_better(pairs), log_evidence_of_worse(pairs)]) - math.log(2)


def log_evidence_of_win_rate_above(pairs: Preferences, least: float = LEAST_WIN_RATE) -> float:
    """log E against "the win rate is at most ``least``": enough of it is a pass (non-inferiority)."""
    return betting.log_evidence_above(pairs.scores, least)


def log_evidence_of_win_rate_below(pairs: Preferences, least: float = LEAST_WIN_RATE) -> float:
    """log E against "the win rate is at least ``least``": enough of it is a fail."""
    return betting.log_evidence_below(pairs.scores, least)


def win_rate_interval(pairs: Preferences, alpha: float) -> tuple[float, float]:
    """Anytime-valid ``(lower, upper)`` of the win rate, ties as half; ``(0, 1)`` without pairs."""
    return betting.bounds(pairs.scores, alpha)


def decided_interval(pairs: Preferences, alpha: float) -> tuple[float, float]:
    """Anytime-valid ``(lower, upper)`` of the part of decided pairs that the candidate wins."""
    return bernoulli.bounds(pairs.wins, pairs.wins + pairs.losses, alpha)


def _log_ratio(pairs: Preferences, log_odds: float, than: float) -> float:
    win, loss = math.log(expit(log_odds) / than), math.log(expit(-log_odds) / (1 - than))
    return pairs.wins * win + pairs.losses * loss
