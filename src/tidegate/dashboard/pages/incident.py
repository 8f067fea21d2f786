"""Incidents: automatic rollbacks, with the evidence as it stood."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.dashboard.looking import Context, Look, Page, of_each_scope
from tidegate.shapes.incidents import Incident

_A_PAGE = 30


async def gather_list(look: Look) -> Context:
    """Incidents, newest first."""
    following: list[str | None] = []

    async def fetch(scope: str | None) -> Sequence[Incident]:
        page = await look.ask.incidents(service=scope, limit=_A_PAGE, cursor=look.query.get("after") or None)
        following.append(page.next)
        return page.incidents

    found = await of_each_scope(look, fetch)
    return {"incidents": found, "following": following[0] if len(following) == 1 else None}


async def gather(look: Look) -> Context:
    """One incident, and the release it ended."""
    incident = await look.ask.incident(look.path["incident"])
    explained = await look.ask.explain(incident.release)
    return {
        "incident": incident,
        "release": explained.release,
        "verdicts": [each for each in incident.evidence.get("verdicts", ()) if isinstance(each, dict)],
    }


LIST = Page(address="/incidents", template="incidents.html", gather=gather_list)
PAGE = Page(address="/incidents/{incident}", template="incident.html", gather=gather)
