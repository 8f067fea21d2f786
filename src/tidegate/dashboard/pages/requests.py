"""Requests as gateways observed them, newest first, and one of them whole."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.dashboard.looking import Context, Look, Page
from tidegate.errors import NotFoundError
from tidegate.shapes.records import ServedRequest

_A_PAGE = 50


class Stretch(NamedTuple):
    """One part of a request's time, in parts of the whole."""

    name: str
    start: float
    length: float
    microseconds: int


async def gather_list(look: Look) -> Context:
    """A page of requests; a pasted id leads to that request."""
    wanted = {name: look.query.get(name, "").strip() or None for name in ("service", "release")}
    if wanted["service"] is None and len(look.caller.services) > 1:
        wanted["service"] = look.caller.services[0]
    found = await look.ask.requests(
        service=wanted["service"], release=wanted["release"], limit=_A_PAGE, cursor=look.query.get("after") or None
    )
    return {"requests": found.items, "following": found.next, "wanted": wanted, "sought": await _sought(look)}


async def gather(look: Look) -> Context:
    """One request."""
    request = await look.ask.request(look.path["request"])
    return {"request": request, "waterfall": waterfall(request)}


def waterfall(request: ServedRequest) -> list[Stretch]:
    """Where the time went: in the gateway, until the first content, until the last."""
    whole = max(1, request.duration_us)
    own = max(0, min(request.own_us, whole))
    first = request.ttft_us if own < request.ttft_us < whole else whole
    stretches = [Stretch("Gateway", 0.0, own / whole, own)]
    if first < whole:
        stretches.append(Stretch("Until the first token", own / whole, (first - own) / whole, first - own))
        stretches.append(Stretch("Streaming", first / whole, (whole - first) / whole, whole - first))
    else:
        stretches.append(Stretch("Until the answer", own / whole, (whole - own) / whole, whole - own))
    return stretches


async def _sought(look: Look) -> ServedRequest | str | None:
    """Whoever is looked for by id; the id itself if nobody knows it."""
    identifier = look.query.get("id", "").strip()
    if not identifier:
        return None
    try:
        return await look.ask.request(identifier[:200])
    except NotFoundError:
        return identifier[:200]


LIST = Page(address="/requests", template="requests.html", gather=gather_list)
PAGE = Page(address="/requests/{request}", template="request.html", gather=gather)
