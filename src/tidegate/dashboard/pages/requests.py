"""Requests as gateways observed them, newest first, and one of them whole."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tidegate.dashboard.looking import Context, Look, Page
from tidegate.delivery.attempts import attempts_of
from tidegate.delivery.observation import Outcome, perplexity_of
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.shapes.requests import ServedRequest

_A_PAGE = 50


class Stretch(NamedTuple):
    """One part of a request's time, in parts of the whole.

    Attributes:
        kind: what it is drawn as: ``own``, ``failed``, ``waiting`` or ``streaming``.
        outcome: of an attempt that failed.
        began_us: after the request's start.
    """

    name: str
    kind: str
    start: float
    length: float
    microseconds: int
    began_us: int
    outcome: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the list is narrowed down to, as the form says it; empty means everything."""

    service: str | None = None
    release: str | None = None
    version: str | None = None
    variant: str | None = None
    outcome: str | None = None
    slower_than: float | None = None
    costlier_than: float | None = None
    filtered: bool = False
    rated: bool = False


async def gather_list(look: Look) -> Context:
    """A page of requests; a pasted id leads to that request."""
    wanted = read_wanted(look)
    found = await look.ask.requests(
        **msgspec.structs.asdict(wanted), limit=_A_PAGE, cursor=look.query.get("after") or None
    )
    given = msgspec.to_builtins(wanted)
    return {
        "requests": found.items,
        "following": found.next,
        "wanted": wanted,
        "given": {name: "1" if value is True else str(value) for name, value in given.items()},
        "outcomes": [str(outcome) for outcome in Outcome],
        "sought": await _sought(look),
    }


def read_wanted(look: Look) -> Wanted:
    """The filters of the form.

    Raises:
        InvalidInputError: a number that is none.
    """
    fields = {name: text for name in Wanted.__struct_fields__ if (text := look.query.get(name, "").strip())}
    if "service" not in fields and len(look.caller.services) > 1:
        fields["service"] = look.caller.services[0]
    try:
        return msgspec.convert(fields, Wanted, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"a filter is not what it should be: {error}", remedy="use plain numbers") from error


async def gather(look: Look) -> Context:
    """One request."""
    request = await look.ask.request(look.path["request"])
    return {"request": request, "waterfall": waterfall(request), "perplexity": perplexity_of(request)}


def waterfall(request: ServedRequest) -> list[Stretch]:
    """Where the time went: in the gateway, in attempts that failed, until the first content, until the last."""
    whole = max(1, request.duration_us)
    own = max(0, min(request.own_us, whole))
    attempts = attempts_of(request)
    failed = [each for each in attempts if each.outcome]
    stretches = [_stretch("Gateway", "own", 0, own, whole)]
    stretches += [
        _stretch(each.deployment, "failed", each.began_us, each.ended_us, whole, each.outcome) for each in failed
    ]
    answered = [each.began_us for each in attempts if not each.outcome]
    if answered or not failed:  # an open request, and one that nobody was asked for, waited all the time
        begun = answered[0] if answered else own
        first = request.ttft_us if begun < request.ttft_us < whole else whole
        name = "Until the first token" if first < whole else "Until the answer"
        stretches.append(_stretch(name, "waiting", begun, first, whole))
        if first < whole:
            stretches.append(_stretch("Streaming", "streaming", first, whole, whole))
    return stretches


def _stretch(name: str, kind: str, begun: int, ended: int, whole: int, outcome: str = "") -> Stretch:
    start, end = min(begun, whole), min(ended, whole)
    return Stretch(name, kind, start / whole, (end - start) / whole, end - start, start, outcome)


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
