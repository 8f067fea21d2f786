"""Mirrored requests: what stable answered its users, and beside it what the candidate would have answered."""

from __future__ import annotations

from tidegate.client import AsyncClient
from tidegate.dashboard.looking import Context, Look, Page
from tidegate.shapes.pairs import Pair
from tidegate.shapes.records import ServedRequest

_A_PAGE = 20
_LOOKED_THROUGH = 500  # newest pairs of a release, for the one of a request


async def gather(look: Look) -> Context:
    """A page of pairs, all of them or those that differ, and what they add up to."""
    different = bool(look.query.get("different"))
    release = await look.ask.release_by_id(look.path["release"])
    found = await look.ask.pairs(release.id, different=different, limit=_A_PAGE, cursor=look.query.get("after") or None)
    return {
        "release": release,
        "pairs": found.items,
        "totals": found.totals,
        "following": found.next,
        "different": different,
    }


async def pair_of(ask: AsyncClient, request: ServedRequest) -> Pair | None:
    """The mirrored answer to a request, if it is among the newest pairs of its release."""
    if not request.release:
        return None
    pairs = (await ask.pairs(request.release, limit=_LOOKED_THROUGH)).items
    return next((pair for pair in pairs if pair.request_id == request.request_id), None)


PAGE = Page(address="/releases/{release}/pairs", template="pairs.html", gather=gather)
