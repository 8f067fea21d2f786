"""What the installation is made of: gateways, providers with their breakers, freezes, keys."""

from __future__ import annotations

from tidegate.dashboard.looking import Context, Look, Page

_NOTIFICATIONS_SHOWN = 30


async def gather(look: Look) -> Context:
    """Gateways with revision and lag, breakers of all of them, providers, freezes, keys, and what was told to whom."""
    gateways = (await look.ask.gateways()).items
    return {
        "gateways": gateways,
        "breakers": [(gateway, breaker) for gateway in gateways for breaker in gateway.breakers],
        "providers": (await look.ask.providers()).items,
        "keys": (await look.ask.keys()).items,
        "notifications": (await look.ask.notifications(limit=_NOTIFICATIONS_SHOWN)).items,
        "freezes": (await look.ask.freezes()).items,
    }


PAGE = Page(address="/settings", template="settings.html", gather=gather, parts=("gateways",))
