"""The weights of the next round: a pure function of counts, without chance, so that anybody can compute it again.

What an algorithm wants is brought within floor, ceiling and the largest change: the nearest shares (in squares) that keep
all of them and sum to one. Shares are whole basis points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.delivery.experiments.bandit.rewards import Estimate, Reward, Sight, estimate
from tidegate.delivery.experiments.bandit.reweighting import Algorithm, Reweighting
from tidegate.delivery.snapshot import TOTAL_WEIGHT

LEAST_REWARDS = 30
"""Of each variant before means without bounds are trusted; shares and scores begin with a uniform prior instead."""
_HALVINGS = 60


def chances(reward: Reward, variants: Sequence[str], rounds: Sequence[Sight]) -> dict[str, float] | None:
    """The probability that each variant is the best one; ``None`` while too little is known of some."""
    # numpy and scipy are loaded with the first bandit, not with control.
    from tidegate.stats.adaptive.best_arm import best_of_means, best_of_rates  # noqa: PLC0415

    found = [estimate(reward, variant, rounds) for variant in variants]
    if reward.is_bounded:
        trials = [each.effective for each in found]
        best = best_of_rates([_within(each) * n for each, n in zip(found, trials, strict=True)], trials)
    elif min(each.rewards for each in found) < LEAST_REWARDS:
        return None
    else:
        best = best_of_means([each.mean for each in found], [each.error for each in found])
    return dict(zip(variants, map(float, best), strict=True))


def wanted(
    algorithm: Algorithm, reward: Reward, variants: Sequence[str], rounds: Sequence[Sight]
) -> dict[str, float] | None:
    """What the algorithm would give to whom, summing to one; ``None`` while too little is known.

    Args:
        rounds: at least the one under way.
    """
    best = chances(reward, variants, rounds)
    if best is None or algorithm == "thompson":
        return best
    if algorithm == "track_and_stop":
        return _tracked(reward, variants, rounds)
    import numpy as np  # noqa: PLC0415

    from tidegate.stats.adaptive.thompson import top_two_shares  # noqa: PLC0415

    shares = top_two_shares(np.array([best[variant] for variant in variants]))
    return dict(zip(variants, map(float, shares), strict=True))


def limited(wish: Mapping[str, float], before: Mapping[str, float], rule: Reweighting) -> dict[str, int]:
    """Basis points of each variant, summing to 10,000.

    Args:
        wish: shares, summing to one.
        before: shares of the same variants until now, of any sum: those of an arm that is gone are missing in it.
    """
    whole = sum(before.values())
    floor, ceiling = min(rule.floor, 1 / len(wish)), max(rule.ceiling, 1 / len(wish))
    low, high = dict.fromkeys(wish, float(floor)), dict.fromkeys(wish, float(ceiling))
    slow = {variant: max(floor, before[variant] / whole - rule.max_change) for variant in wish}
    fast = {variant: min(ceiling, before[variant] / whole + rule.max_change) for variant in wish}
    # Shares outside floor and ceiling, such as an arm's removal may leave, come back at once.
    if sum(slow.values()) <= 1 <= sum(fast.values()) and all(slow[variant] <= fast[variant] for variant in wish):
        low, high = slow, fast
    return _whole(_nearest(wish, low, high))


def _nearest(wish: Mapping[str, float], low: Mapping[str, float], high: Mapping[str, float]) -> dict[str, float]:
    """The projection on the box and the simplex: one shift for all, cut off at the bounds."""

    def shifted(by: float) -> dict[str, float]:
        return {variant: min(high[variant], max(low[variant], share + by)) for variant, share in wish.items()}

    down, up = -2.0, 2.0
    for _ in range(_HALVINGS):
        middle = (down + up) / 2
        down, up = (middle, up) if sum(shifted(middle).values()) < 1 else (down, middle)
    return shifted(up)


def _whole(shares: Mapping[str, float]) -> dict[str, int]:
    """Rounded down, and what is left to the largest remainders, the first of equal ones."""
    exact = {variant: round(share * TOTAL_WEIGHT, 6) for variant, share in shares.items()}
    points = {variant: int(value) for variant, value in exact.items()}
    left = TOTAL_WEIGHT - sum(points.values())
    for variant in sorted(exact, key=lambda each: points[each] - exact[each])[:left]:
        points[variant] += 1
    return points


def _tracked(reward: Reward, variants: Sequence[str], rounds: Sequence[Sight]) -> dict[str, float]:
    """Shares that bring everybody's rewards nearest to what finds the best variant soonest."""
    from tidegate.stats.adaptive.track_and_stop import (  # noqa: PLC0415
        bernoulli,
        gaussian,
        optimal_shares,
        tracking_shares,
    )

    found = [estimate(reward, variant, rounds) for variant in variants]
    means = [_within(each) if reward.is_bounded else each.mean for each in found]
    variance = max(each.error**2 * each.effective for each in found)
    divergence = bernoulli if reward.is_bounded else gaussian(variance or 1.0)
    batch = max(1, _rewards(reward, rounds[-1:]))
    counts = [each.rewards for each in found]
    shares = tracking_shares(counts, optimal_shares(means, divergence).tolist(), batch)
    return dict(zip(variants, map(float, shares), strict=True))


def _rewards(reward: Reward, rounds: Sequence[Sight]) -> int:
    return min(sum(part.of(seen).count for sight in rounds for seen in sight.seen.values()) for part in reward.parts)


def _within(found: Estimate) -> float:
    """A bounded mean with the uniform prior's pull where nothing is known."""
    return min(1.0, max(0.0, found.mean)) if found.rewards else 0.5
