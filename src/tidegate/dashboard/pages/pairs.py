"""Mirrored requests: what stable answered its users, and beside it what the candidate would have answered."""

from __future__ import annotations

from tidegate.dashboard.looking import Context, Look, Page

_A_PAGE = 20


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


PAGE = Page(address="/releases/{release}/pairs", template="pairs.html", gather=gather)
