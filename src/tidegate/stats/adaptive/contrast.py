"""How much better is one arm than another, when the shares of both moved while they were compared.

A unit of the two arms went to the first with a known probability ``r``, which may change from round to round and may
have been chosen by what was seen before. Its reward ``y`` lies within [0, 1]. With a prediction ``m`` of rewards that was
fixed before the round,

    x = (1 - r)(y - m) in the first arm,    -r (y - m) in the second,        and  E[x] = r (1 - r) d

where ``d`` is the difference of the arms' means, whatever chose the shares and however both means drift together: it is
the augmented inverse-propensity score of the unit times ``r (1 - r)``, the weights that make it vary least. As
x - r (1 - r) d >= -1 for every d within [-1, 1],

    E(d) = sum_j w_j exp(l_j S(d) + (log(1 - l_j) + l_j) V(d)),    S = sum (x - r (1 - r) d),    V = sum (x - r (1 - r) d)**2

is an e-process under "the difference is at most d" (Fan, Grama, Liu, Electron. J. Probab. 20, 2015: exp(l z + z**2
(log(1 - l) + l)) <= 1 + l z for z >= -1), for bets l_j spread evenly on a log scale. At d = 0 it predicts the arm from the
reward: q(first | y) = r + l (y - m). What is ruled out at neither side is a confidence sequence of the difference.

Sources: Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro, J. R. Stat. Soc. B 2024 (anytime-valid off-policy inference);
Li, Morgan, Zaslavsky, JASA 113, 2018 (overlap weights).

Assumptions: each unit counts once, was drawn with the stated probability, and whether its reward is known does not depend
on its arm. Rewards may come late: what comes is counted for the round its unit was drawn in. The difference is the same in
every round, or what is estimated is its average, weighted by r (1 - r). To *decide* on rewards of 0 and 1,
:func:`~tidegate.stats.arm_prediction.log_evidence_of_frequent_harm` is sharper. Not for unbounded rewards (cost, latency), which
are compared within each round by :mod:`~tidegate.stats.asymptotic`. Sums are additive: any split gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tidegate.stats.mixture import log_sum

_BETS = tuple(0.02 * (0.95 / 0.02) ** (j / 15) for j in range(16))
_PRICES = tuple(math.log1p(-bet) + bet for bet in _BETS)
_LOG_WEIGHT = -math.log(len(_BETS))
_HALVINGS = 40


class Side(NamedTuple):
    """Rewards of one arm in one round: how many are known, their sum, and the sum of their squares."""

    size: int
    total: float
    squares: float


class Contest(NamedTuple):
    """Two arms in one round.

    Attributes:
        share: of the units that went to one of them, the probability of the first, within (0, 1).
        prediction: of a reward, within [0, 1], fixed before the round's first unit.
    """

    share: float
    prediction: float
    first: Side
    second: Side


class Contrast(NamedTuple):
    """Sums over rounds: ``S(d) = score - d weight`` and ``V(d) = squares - 2 d cross + d**2 weight_squares``.

    Attributes:
        units: that they rest on.
    """

    units: int = 0
    score: float = 0.0
    weight: float = 0.0
    squares: float = 0.0
    cross: float = 0.0
    weight_squares: float = 0.0

    @property
    def estimate(self) -> float:
        """The first arm's mean minus the second's, NaN without units."""
        return self.score / self.weight if self.weight else math.nan

    @property
    def standard_error(self) -> float:
        """Of the estimate, infinite without units."""
        return math.sqrt(max(0.0, self._spread(self.estimate))) / self.weight if self.weight else math.inf

    def log_evidence_above(self, difference: float = 0.0) -> float:
        """log E against "the first arm is better by at most ``difference``" within [-1, 1]; act at log(1/alpha)."""
        return _log_mixture(self.score - difference * self.weight, self._spread(difference))

    def log_evidence_below(self, difference: float = 0.0) -> float:
        """log E against "the first arm is better by at least ``difference``"."""
        return _log_mixture(difference * self.weight - self.score, self._spread(difference))

    def bounds(self, alpha: float) -> tuple[float, float]:
        """Of the difference; each of the two is ever passed by it with probability at most ``alpha``, over all looks."""
        if not self.weight:
            return -1.0, 1.0
        middle, enough = min(1.0, max(-1.0, self.estimate)), -math.log(alpha)
        return (
            _edge(-1.0, middle, lambda d: self.log_evidence_above(d) >= enough),
            _edge(1.0, middle, lambda d: self.log_evidence_below(d) >= enough),
        )

    def _spread(self, difference: float) -> float:
        return self.squares - 2 * difference * self.cross + difference * difference * self.weight_squares


def contrast(rounds: Iterable[Contest]) -> Contrast:
    """The sums of all rounds, in any order.

    Raises:
        ValueError: a share outside (0, 1) or a prediction outside [0, 1].
    """
    units, score, weight, squares, cross, weight_squares = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for share, m, first, second in rounds:
        if not (0 < share < 1 and 0 <= m <= 1):
            raise ValueError(f"a round needs a share within (0, 1) and a prediction within [0, 1], not {share}, {m}")
        n, both = first.size + second.size, share * (1 - share)
        x = (1 - share) * (first.total - first.size * m) - share * (second.total - second.size * m)
        units, score, weight = units + n, score + x, weight + n * both
        squares += (1 - share) ** 2 * _squares(first, m) + share**2 * _squares(second, m)
        cross, weight_squares = cross + both * x, weight_squares + n * both * both
    return Contrast(units, score, weight, squares, cross, weight_squares)


def _squares(side: Side, m: float) -> float:
    return side.squares - 2 * m * side.total + side.size * m * m


def _log_mixture(score: float, spread: float) -> float:
    return log_sum([_LOG_WEIGHT + bet * score + price * spread for bet, price in zip(_BETS, _PRICES, strict=True)])


def _edge(outside: float, inside: float, is_out: Callable[[float], bool]) -> float:
    """The last point still ruled out, hence never too tight; ``outside`` itself when it is not."""
    if not is_out(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if is_out(middle) else (outside, middle)
    return outside
