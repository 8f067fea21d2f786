"""Intervals side by side: of each metric one picture, in it a lane for every arm, all on one scale around control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

import msgspec

from tidegate.dashboard.charts.scale import WIDTH, Scale
from tidegate.shapes.experiments import ArmEffect, ExperimentArm

HEIGHT = 28.0
_OTHERS = 4  # colours of arms beside the first
_UNKNOWN = 0.5  # the reach before anything is known
_WIDEST = 4.0  # times the narrowest interval: a lane that is wider than that leaves the picture


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One arm: where its interval and its estimate lie.

    Attributes:
        kind: which colour the arm has.
        change, change_lower, change_upper: as people read them: points of a share, parts of control's value else.
        at: place of the estimate; ``None`` before there is one.
        lower, upper: places of the bounds; the edge where they lie beyond it or are not known.
        is_open_below, is_open_above: whether they do.
    """

    effect: ArmEffect
    kind: str
    change: float | None
    change_lower: float | None
    change_upper: float | None
    at: float | None
    lower: float
    upper: float
    is_open_below: bool
    is_open_above: bool

    @property
    def has_interval(self) -> bool:
        """Whether at least one bound is known."""
        return self.change_lower is not None or self.change_upper is not None


class Forest(msgspec.Struct, frozen=True, kw_only=True):
    """One metric, ``scale.WIDTH`` by ``height`` for each lane; no difference lies in the middle.

    Attributes:
        reach: the difference at the right edge; the left one is its negative.
        control: control's value, with its samples.
    """

    metric: str
    role: str
    better: str
    unit: str
    reach: float
    control: float | None
    control_samples: int
    lanes: tuple[Lane, ...]
    height: float = HEIGHT


def arm_kinds(arms: Sequence[ExperimentArm]) -> dict[str, str]:
    """Variant -> colour: control's is stable's, the first arm has the accent."""
    others = (f"other-{number % _OTHERS + 1}" for number in range(len(arms)))
    return dict(zip((arm.variant for arm in arms), ("stable", "candidate", *others), strict=False))


def forests(effects: Sequence[ArmEffect], kinds: Mapping[str, str]) -> list[Forest]:
    """A picture for each metric, in the order given."""
    grouped = groupby(effects, lambda effect: (effect.role, effect.metric))
    return [_forest(list(own), kinds) for _, own in grouped]


def _forest(effects: Sequence[ArmEffect], kinds: Mapping[str, str]) -> Forest:
    first = effects[0]
    reach = _reach([shown(effect) for effect in effects if effect.standing != "no_data"])
    return Forest(
        metric=first.metric,
        role=first.role,
        better=first.better,
        unit=first.unit,
        reach=reach,
        control=first.control_estimate,
        control_samples=first.control_samples,
        lanes=tuple(_lane(effect, kinds.get(effect.variant, "other-1"), reach) for effect in effects),
    )


def shown(effect: ArmEffect) -> tuple[float | None, float | None, float | None]:
    """Estimate and bounds as people read them."""
    if effect.unit == "share":
        return effect.effect, effect.lower, effect.upper
    return effect.lift, effect.lift_lower, effect.lift_upper


def _reach(found: Sequence[tuple[float | None, float | None, float | None]]) -> float:
    """Wide enough for the estimates, and for intervals as far as they say something."""
    estimates = [abs(estimate) for estimate, _, _ in found if estimate is not None]
    ends = [max(abs(low), abs(high)) for _, low, high in found if low is not None and high is not None]
    most = max(ends, default=0.0)
    if ends:
        most = min(most, _WIDEST * min(ends))
    return 1.08 * max([most, *estimates]) or _UNKNOWN


def _lane(effect: ArmEffect, kind: str, reach: float) -> Lane:
    estimate, low, high = shown(effect)
    x = Scale(-reach, reach, WIDTH)
    return Lane(
        effect=effect,
        kind=kind,
        change=estimate,
        change_lower=low,
        change_upper=high,
        at=None if estimate is None else x(estimate),
        lower=x(-math.inf if low is None else low),
        upper=x(math.inf if high is None else high),
        is_open_below=low is None or low < -reach,
        is_open_above=high is None or high > reach,
    )
