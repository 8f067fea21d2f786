"""Who would get what: the assignment that a gateway would make of a request, and why, without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tidegate.delivery.snapshot import TOTAL_WEIGHT, Pin, ServiceRoute, Snapshot, VariantRoute
from tidegate.delivery.traffic import SegmentRule, Unit, arms_of, pinned_kinds, targeted_arms, unit_of
from tidegate.errors import NotFoundError
from tidegate.shapes.releases import RouteExplanation


class AskedRoute(NamedTuple):
    """What is known of the request.

    Attributes:
        unit: the header ``x-tidegate-unit``.
        headers: lower-case names.
        key: name of the caller's key.
    """

    unit: str | None = None
    conversation: str | None = None
    user: str | None = None
    headers: Mapping[str, str] = {}
    metadata: Mapping[str, object] = {}
    key: str = ""


def explain_route(
    table: Snapshot, service: str, asked: AskedRoute, pin_of: Callable[[str, int, int], Pin | None]
) -> RouteExplanation:
    """Which variant the request would get from ``table``.

    Args:
        pin_of: where a conversation is kept: release, attempt and unit hash.

    Raises:
        NotFoundError: no such service.
    """
    route = table.services.get(service)
    if route is None:
        raise NotFoundError(f"there is no service {service!r}", code="unknown_service")
    unit = unit_of(
        route.unit, header=asked.unit, conversation=asked.conversation, user=asked.user, request_id="(a new request)"
    )
    rules = [SegmentRule(name, segment) for name, segment in route.segments.items()]
    inside = tuple(rule.name for rule in rules if rule.holds(asked.headers, asked.metadata, asked.key, asked.user))
    variant, propensity = _assigned(route, unit.id, inside)
    sentence = _sentence(service, unit, variant, propensity)
    kept = _pinned(route, unit, pin_of)
    if kept is not None:
        variant, propensity = kept, TOTAL_WEIGHT
        sentence = f"The {unit.kind} {unit.id} began with {kept.version} in this release and stays there."
    return RouteExplanation(
        service=service,
        revision=table.revision,
        unit=unit.id,
        unit_kind=unit.kind,
        variant=variant.name if variant else None,
        version=variant.version if variant else None,
        propensity=propensity,
        weights={arm.version: arm.weight for arm in route.variants},
        segments=inside,
        release=route.release.id if route.release else None,
        sentence=sentence,
    )


def _assigned(route: ServiceRoute, unit: str, segments: tuple[str, ...]) -> tuple[VariantRoute | None, int]:
    if not route.variants:
        return None, 0
    targeted = (arms for segment, arms in targeted_arms(route) if segment in segments)
    found = next(targeted, arms_of(route)).assign(unit)
    return route.variants[found.arm], found.propensity


def _pinned(route: ServiceRoute, unit: Unit, pin_of: Callable[[str, int, int], Pin | None]) -> VariantRoute | None:
    """The variant that the unit began with, where gateways keep it."""
    release = route.release
    if release is None or unit.kind not in pinned_kinds(route):
        return None
    pin = pin_of(release.id, release.attempt, arms_of(route).assign(unit.id).unit_hash)
    return next((arm for arm in route.variants if pin is not None and arm.name == pin.variant), None)


def _sentence(service: str, unit: Unit, variant: VariantRoute | None, propensity: int) -> str:
    if variant is None:
        return f"{service} has no version yet, so the request is answered 503 no_version."
    return f"The {unit.kind} {unit.id} gets {variant.version}, as {propensity / 100:g} % of all units do."
