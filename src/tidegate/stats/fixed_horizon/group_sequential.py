"""A known horizon, looked at a few times: Lan-DeMets boundaries, and what any boundary spends.

At look k a fraction t_k of the information is there and the z statistic is compared with c_k. The boundary spends
alpha as a function of t, so looks need be neither equally spaced nor known in number:

    O'Brien-Fleming type   a(t) = 2 - 2 Phi(z_{alpha/2} / sqrt(t))
    Pocock type            a(t) = alpha log(1 + (e - 1) t)

and c_k solves P(first crossing at k) = a(t_k) - a(t_{k-1}). The probabilities come from the density of the score
B_k = z_k sqrt(t_k) on paths that have not crossed, a Brownian motion with independent increments,

    f_k(x) = integral f_{k-1}(u) phi((x - u - drift (t_k - t_{k-1})) / sqrt(t_k - t_{k-1})) / sqrt(t_k - t_{k-1}) du,

integrated by Simpson's rule. Sources: Lan, DeMets, Biometrika 70(3), 1983; Armitage, McPherson, Rowe, J. R. Stat. Soc.
A 132(2), 1969 (the recursion); Jennison, Turnbull, Group Sequential Methods, 2000, chapter 19. The tests reproduce
the published boundaries of five looks.

Not without a horizon, nor when a result may change how many looks there will be: use an e-process then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Spending = Callable[[float, float], float]
_NODES = 201  # of Simpson's rule, odd
_FARTHEST = 8.5  # standard deviations that a density is followed to


def obrien_fleming(fraction: float, alpha: float) -> float:
    """Alpha spent at an information ``fraction`` within (0, 1]: little early, nearly the fixed test at the end."""
    return float(2 - 2 * ndtr(ndtri(1 - alpha / 2) / math.sqrt(fraction)))


def pocock(fraction: float, alpha: float) -> float:
    """Alpha spent at an information ``fraction`` within (0, 1]: about the same boundary at every look."""
    return alpha * math.log1p((math.e - 1) * fraction)


def boundaries(
    fractions: Sequence[float], alpha: float = 0.05, spending: Spending = obrien_fleming, *, is_two_sided: bool = True
) -> Floats:
    """Critical z of each look, shape (looks,).

    Args:
        fractions: of the planned information at each look, rising within (0, 1].
        alpha: of the whole; two-sided boundaries spend half of it on each side.
        spending: how alpha is spread over the fractions.
        is_two_sided: whether both signs stop.

    Raises:
        ValueError: fractions that do not rise within (0, 1].
    """
    times = _checked(fractions)
    level = alpha / 2 if is_two_sided else alpha
    path, spent, found = _Path(is_two_sided=is_two_sided), 0.0, []
    for time in times:
        total = spending(time, level)
        limit = path.boundary(time, max(total - spent, 1e-300))
        found.append(limit)
        spent += path.advance(time, limit).above
    return np.array(found)


def crossing_probabilities(
    fractions: Sequence[float],
    limits: Sequence[float],
    drift: float = 0.0,
    *,
    is_two_sided: bool = False,
    nodes: int = _NODES,
) -> Floats:
    """Probability of first crossing the boundary at each look, shape (looks,); their sum is alpha or the power.

    Args:
        fractions: as above.
        limits: critical z at each look, such as from :func:`boundaries`; infinite where nobody looks.
        drift: expected z at fraction 1; 0 is no effect.
        is_two_sided: whether both signs stop; both are then counted.
        nodes: of Simpson's rule, odd.
    """
    path, found = _Path(drift, is_two_sided=is_two_sided, nodes=nodes), []
    for time, limit in zip(_checked(fractions), limits, strict=True):
        crossed = path.advance(time, limit)
        found.append(crossed.above + crossed.below)
    return np.array(found)


class _Crossed(NamedTuple):
    above: float
    below: float


class _Path:
    """The density of the score on paths that have not crossed yet."""

    def __init__(self, drift: float = 0.0, *, is_two_sided: bool, nodes: int = _NODES) -> None:
        self._drift = drift
        self._nodes = nodes
        self._is_two_sided = is_two_sided
        self._time = 0.0
        self._points: Floats = np.zeros(1)
        self._masses: Floats = np.ones(1)  # density times Simpson's weight

    def boundary(self, time: float, wanted: float) -> float:
        """z that is exceeded for the first time at ``time`` with probability ``wanted``."""
        far = _FARTHEST + 30.0
        return float(brentq(lambda z: math.log(max(self._above(time, z), 1e-310)) - math.log(wanted), -far, far))

    def advance(self, time: float, limit: float) -> _Crossed:
        """Go on to ``time``; what crossed there is taken out."""
        above = self._above(time, limit)
        below = self._below(time, -limit) if self._is_two_sided else 0.0
        root, middle = math.sqrt(time), self._drift * time
        high = min(limit * root, middle + _FARTHEST * root)
        low = max(-limit * root, middle - _FARTHEST * root) if self._is_two_sided else middle - _FARTHEST * root
        points = np.linspace(low, max(high, low + 1e-9), self._nodes)
        step = math.sqrt(time - self._time)
        gaps = (points[:, None] - self._points[None, :] - self._drift * (time - self._time)) / step
        density = np.exp(-gaps * gaps / 2) @ self._masses / (step * math.sqrt(2 * math.pi))
        self._time, self._points, self._masses = time, points, density * _simpson(points)
        return _Crossed(above, below)

    def _above(self, time: float, z: float) -> float:
        if math.isinf(z):
            return 0.0 if z > 0 else float(self._masses.sum())
        step = math.sqrt(time - self._time)
        gaps = (z * math.sqrt(time) - self._points - self._drift * (time - self._time)) / step
        return float(self._masses @ ndtr(-gaps))

    def _below(self, time: float, z: float) -> float:
        if math.isinf(z):
            return 0.0
        step = math.sqrt(time - self._time)
        gaps = (z * math.sqrt(time) - self._points - self._drift * (time - self._time)) / step
        return float(self._masses @ ndtr(gaps))


def _simpson(points: Floats) -> Floats:
    weights = np.full(len(points), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return np.asarray(weights * (points[1] - points[0]) / 3, np.float64)


def _checked(fractions: Sequence[float]) -> list[float]:
    times = [float(t) for t in fractions]
    if not times or times[0] <= 0 or times[-1] > 1 + 1e-12 or any(b <= a for a, b in pairwise(times)):
        raise ValueError(f"information fractions rise within (0, 1], and {times} do not")
    return times
