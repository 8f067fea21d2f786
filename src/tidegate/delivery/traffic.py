"""Who gets which variant: a deterministic, monotone function of unit and weights.

The gateway calls it for each request, control for ``explain-route``; both get the same answer, because
nothing else takes part. The hash is murmur3 of ``salt:unit``; the candidate owns the points from 0 up to
its weight and stable the rest, so that raising a weight moves units from stable to the candidate and
never back. Several arms stand one after another, each with the slot it began with: one that is taken out
gives its points to stable and moves nobody else. Who came to stable that way was not drawn for it, so
their propensity is that of certainty, and they are never compared with those who were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Literal, NamedTuple

import mmh3
import msgspec

from tidegate.delivery.snapshot import TOTAL_WEIGHT, Segment, ServiceRoute

UnitKind = Literal["request", "conversation", "user"]


class Unit(msgspec.Struct, frozen=True):
    """What is randomised, and what it is."""

    kind: Literal["header", "conversation", "user", "request"]
    id: str


class Assignment(NamedTuple):
    """The variant a unit belongs to.

    Attributes:
        arm: index into the arms given.
        unit_hash: 64 bits that stand for the unit in observations.
        propensity: basis points with which this variant is chosen.
    """

    arm: int
    unit_hash: int
    propensity: int


class Arms:
    """Variants in order of their points: every other variant as declared, stable last.

    Args:
        salt: of the service; another salt shuffles all units.
        weights: basis points, summing to 10,000, in the order of the route's variants.
        stable: index of stable in ``weights``.
        slots: basis points kept for each, where that is more than its weight; stable has the difference.
        layer: further salt of the drawing; the unit's hash stays what it is.

    Raises:
        ValueError: weights that are negative or do not sum to 10,000 (invariant I1).
    """

    __slots__ = ("_bounds", "_identity", "_prefix", "_sole")

    def __init__(
        self, salt: str, weights: Sequence[int], stable: int, slots: Sequence[int] = (), layer: str = ""
    ) -> None:
        if any(weight < 0 for weight in weights) or sum(weights) != TOTAL_WEIGHT:
            raise ValueError(f"weights {list(weights)} must be >= 0 and sum to {TOTAL_WEIGHT}")
        bounds: list[tuple[int, int, int]] = []  # upper end, arm, propensity
        upper = 0
        for index, (weight, slot) in enumerate(zip(weights, slots or weights, strict=True)):
            if index == stable:
                continue
            if weight:
                bounds.append((upper + weight, index, weight))
            upper += max(weight, slot)
            if slot > weight:
                bounds.append((upper, stable, TOTAL_WEIGHT))
        if upper > TOTAL_WEIGHT:
            raise ValueError(f"slots {list(slots)} beside weights {list(weights)} exceed {TOTAL_WEIGHT}")
        if upper < TOTAL_WEIGHT:
            bounds.append((TOTAL_WEIGHT, stable, TOTAL_WEIGHT - upper))
        self._bounds = tuple(bounds)
        self._sole = bounds[0][1] if len({index for _, index, _ in bounds}) == 1 else None
        self._identity = f"{salt}:"
        self._prefix = f"{salt}:{layer}:" if layer else self._identity

    def assign(self, unit: str) -> Assignment:
        """The variant of ``unit``; the same for ever under the same salts and weights."""
        return Assignment(*self.draw(unit))

    def draw(self, unit: str) -> tuple[int, int, int]:
        """The same as a plain tuple, in a third of the time."""
        unit_hash = mmh3.hash64(self._identity + unit, signed=False)[0]  # subject_hash, without the call
        if self._sole is not None:
            return self._sole, unit_hash, TOTAL_WEIGHT
        point = (mmh3.hash(self._prefix + unit, signed=False) * TOTAL_WEIGHT) >> 32
        for upper, index, propensity in self._bounds:
            if point < upper:
                return index, unit_hash, propensity
        raise AssertionError("weights sum to the whole, so a point below it lies in an arm")


def subject_hash(salt: str, name: str) -> int:
    """64 bits that stand for a unit, a user or a conversation of a service in what is stored."""
    return mmh3.hash64(f"{salt}:{name}", signed=False)[0]


def arms_of(route: ServiceRoute) -> Arms:
    """The arms of a service that has a stable or a candidate.

    Raises:
        ValueError: the route has no variants, or its weights break I1.
    """
    names = [variant.name for variant in route.variants]
    stable = names.index(route.stable) if route.stable in names else len(names) - 1
    return Arms(route.salt, [variant.weight for variant in route.variants], stable, _slots(route), route.layer)


def _slots(route: ServiceRoute) -> list[int]:
    return [variant.slot for variant in route.variants]


def targeted_arms(route: ServiceRoute) -> tuple[tuple[str, Arms], ...]:
    """The arms of each segment that gets more of what is on trial than everybody, the greatest share first.

    A unit of several takes the first: raising a target or the weight therefore never moves anybody back (I12).

    Raises:
        ValueError: a target that breaks I1.
    """
    names = [variant.name for variant in route.variants]
    if route.release is None or route.stable not in names:
        return ()
    stable = names.index(route.stable)
    everybody = [variant.weight for variant in route.variants]
    found: list[tuple[str, Arms]] = []
    for segment, split in sorted(route.targets.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        weights = [max(weight, split.get(name, 0)) for name, weight in zip(names, everybody, strict=True)]
        weights[stable] = TOTAL_WEIGHT - sum(weights) + weights[stable]
        if weights != everybody:
            found.append((segment, Arms(route.salt, weights, stable, _slots(route), route.layer)))
    return tuple(found)


def unit_of(
    kind: UnitKind,
    header: str | None,
    conversation: str | None,
    user: str | None,
    request_id: str,
) -> Unit:
    """What is randomised for one request, by the service's ``unit``.

    The header ``x-tidegate-unit`` always wins, because only the application knows its units; a
    conversation falls back to its user, a user to the single request.
    """
    if header:
        return Unit("header", header)
    if kind == "conversation" and conversation:
        return Unit("conversation", conversation)
    if kind != "request" and user:
        return Unit("user", user)
    return Unit("request", request_id)


_CONVERSATIONS = frozenset(("conversation", "header"))
_RETURNING = frozenset(("conversation", "header", "user"))


def pinned_kinds(route: ServiceRoute) -> frozenset[str]:
    """Kinds of units that keep the variant they were drawn first: what names a conversation where the service's unit is
    one, and whoever may return while weights go up and down."""
    release = route.release
    if release is None or not release.pins:
        return frozenset()
    if release.pins_units:
        return _RETURNING
    return _CONVERSATIONS if route.unit == "conversation" else frozenset()


class SegmentRule:
    """One compiled segment: conditions are globs, and all of them must hold."""

    __slots__ = ("_headers", "_key", "_metadata", "_user", "name")

    def __init__(self, name: str, segment: Segment) -> None:
        self.name = name
        self._headers = {header.lower(): _glob(pattern) for header, pattern in segment.header.items()}
        self._metadata = {field: _glob(pattern) for field, pattern in segment.metadata.items()}
        self._key = _glob(segment.key)
        self._user = _glob(segment.user)

    def holds(self, headers: Mapping[str, str], metadata: Mapping[str, object], key: str, user: str | None) -> bool:
        """Whether the request belongs to the segment. Header names are lower-case."""
        return (
            all(_matches(pattern, headers.get(name)) for name, pattern in self._headers.items())
            and all(_matches(pattern, metadata.get(name)) for name, pattern in self._metadata.items())
            and _matches(self._key, key)
            and _matches(self._user, user)
        )


def _glob(pattern: str | None) -> re.Pattern[str] | None:
    return None if pattern is None else re.compile(translate(pattern))


def _matches(pattern: re.Pattern[str] | None, value: object) -> bool:
    return pattern is None or (value is not None and pattern.match(str(value)) is not None)
