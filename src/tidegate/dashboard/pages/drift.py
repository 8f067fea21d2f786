"""Whether the versions that serve a service behave as on their own first day."""

from __future__ import annotations

from tidegate.dashboard.looking import Context, Look, Page


async def gather(look: Look) -> Context:
    """Each version with requests in the last day."""
    name = look.path["service"]
    status = await look.ask.status(name)
    return {"service": name, "stable": status.stable, "drift": await look.ask.drift(name)}


PAGE = Page(address="/services/{service}/drift", template="drift.html", gather=gather)
