"""The overview: what is wrong first, then what is under way, then every service as it is served now, then what ended lately."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.dashboard.looking import Context, Look, Page, of_each_scope
from tidegate.shapes.incidents import Incident
from tidegate.shapes.releases import Release

SERVICES_A_PAGE = 50
_MOST_RUNNING = 12
_LATEST_INCIDENTS = 8
_LATELY = 6


async def gather(look: Look) -> Context:
    """Services by pages, with what their users get; incidents that are open; releases under way."""
    ask = look.ask
    contains = look.query.get("contains", "")[:128]
    found = await ask.services(contains=contains, limit=SERVICES_A_PAGE, cursor=look.query.get("after") or None)
    names = tuple(status.service for status in found.items)
    current = (await ask.current_traffic(services=names)).items if names else ()

    async def incidents(scope: str | None) -> Sequence[Incident]:
        return (await ask.incidents(service=scope, limit=_LATEST_INCIDENTS)).incidents

    async def running(scope: str | None) -> Sequence[Release]:
        return (await ask.releases(service=scope, is_running=True, limit=_MOST_RUNNING)).items

    async def ended(scope: str | None) -> Sequence[Release]:
        return (await ask.releases(service=scope, is_running=False, limit=_LATELY)).items

    return {
        "statuses": found.items,
        "following": found.next,
        "contains": contains,
        "traffic": {each.service: each for each in current},
        "open_incidents": [each for each in await of_each_scope(look, incidents) if each.closed_at is None],
        "running": (await of_each_scope(look, running))[:_MOST_RUNNING],
        "lately": sorted(await of_each_scope(look, ended), key=lambda release: release.id, reverse=True)[:_LATELY],
        "freezes": (await ask.freezes()).items,
    }


PAGE = Page(address="/", template="overview.html", gather=gather, parts=("trouble", "under_way", "services", "lately"))
