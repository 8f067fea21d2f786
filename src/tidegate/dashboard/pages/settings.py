"""What the installation is made of: gateways, providers with their breakers, freezes, keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.dashboard.looking import Context, Look, Page
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.shapes.gateways import Breaker, Gateway
from tidegate.shapes.releases import Status

_NOTIFICATIONS_SHOWN = 30
_DEPLOYMENTS_SHOWN = 100


class Deployment(NamedTuple):
    """A version that requests may reach: its weight in basis points, and requests under way at all gateways."""

    service: str
    version: str
    weight: int
    in_flight: int


async def gather(look: Look) -> Context:
    """Gateways with revision and lag, breakers of all of them, providers, freezes, keys, and what was told to whom."""
    gateways = (await look.ask.gateways()).items
    providers = (await look.ask.providers()).items
    return {
        "gateways": gateways,
        "breakers": {provider.name: breakers_of(provider.name, gateways) for provider in providers},
        "deployments": deployments((await look.ask.services(limit=_DEPLOYMENTS_SHOWN)).items, gateways),
        "providers": providers,
        "keys": (await look.ask.keys()).items,
        "notifications": (await look.ask.notifications(limit=_NOTIFICATIONS_SHOWN)).items,
        "freezes": (await look.ask.freezes()).items,
    }


def breakers_of(provider: str, gateways: Sequence[Gateway]) -> list[tuple[str, Breaker]]:
    """Those of a provider's models that saw failures, with the gateway that says so; all others admit."""
    return [
        (gateway.id, breaker)
        for gateway in gateways
        if gateway.is_live
        for breaker in gateway.breakers
        if breaker.deployment.partition("/")[0] == provider
    ]


def deployments(statuses: Sequence[Status], gateways: Sequence[Gateway]) -> list[Deployment]:
    """What is made callable: the stable version of each service, and what its release puts beside it."""
    in_flight: Counter[str] = Counter()
    for gateway in gateways:
        in_flight.update(gateway.in_flight)
    shown = []
    for status in statuses:
        running = status.release if status.release is not None and status.release.is_running else None
        weights = running.weights if running else {status.stable: TOTAL_WEIGHT} if status.stable else {}
        shown += [Deployment(status.service, ref, weight, in_flight[ref]) for ref, weight in weights.items()]
    return shown


PAGE = Page(
    address="/settings", template="settings.html", gather=gather, parts=("gateways", "deployments", "providers")
)
