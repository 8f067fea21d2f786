"""What buttons do: one operation of the API each, then back to the page; a refusal is shown on the page itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tidegate.client import AsyncClient
from tidegate.dashboard.forms import read_form
from tidegate.dashboard.looking import Page
from tidegate.dashboard.pages import incident, release, service
from tidegate.dashboard.showing import Shop, known_caller
from tidegate.errors import InvalidInputError, TidegateError


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came with a button."""

    target: str
    fields: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Why, for the record."""
        return self.field("reason") or ""

    def field(self, name: str) -> str | None:
        """What was filled in, ``None`` if nothing was."""
        return self.fields.get(name, "").strip() or None

    @property
    def etag(self) -> int:
        """Of the release as whoever pressed the button saw it.

        Raises:
            InvalidInputError: the form lost it.
        """
        text = self.field("etag") or ""
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            raise InvalidInputError("the form does not say what was looked at", remedy="load the page again")
        return int(text)


Operation = Callable[[AsyncClient, Sent], Awaitable[Any]]

RELEASE_COMMANDS: dict[str, Operation] = {
    "promote": lambda ask, sent: ask.promote(sent.target, reason=sent.reason, etag=sent.etag),
    "promote-full": lambda ask, sent: ask.promote(sent.target, full=True, reason=sent.reason, etag=sent.etag),
    "pause": lambda ask, sent: ask.pause(sent.target, reason=sent.reason),
    "resume": lambda ask, sent: ask.resume(sent.target, reason=sent.reason, etag=sent.etag),
    "abort": lambda ask, sent: ask.abort(sent.target, reason=sent.reason),
    "retry": lambda ask, sent: ask.retry(sent.target, reason=sent.reason),
    "approve": lambda ask, sent: ask.approve(sent.target, reason=sent.reason),
    "reject": lambda ask, sent: ask.reject(sent.target, reason=sent.reason),
}
SERVICE_COMMANDS: dict[str, Operation] = {
    "rollback": lambda ask, sent: ask.rollback(sent.target, to=sent.field("to"), reason=sent.reason),
    "freeze": lambda ask, sent: ask.freeze(sent.target, reason=sent.reason),
    "unfreeze": lambda ask, sent: ask.unfreeze(sent.target, reason=sent.reason),
}
INCIDENT_COMMANDS: dict[str, Operation] = {
    "note": lambda ask, sent: ask.note_incident(sent.target, sent.field("text") or ""),
}


def action_routes(shop: Shop) -> list[Route]:
    """One route for each button."""
    return [
        *_routes(shop, release.PAGE, "release", RELEASE_COMMANDS),
        *_routes(shop, service.PAGE, "service", SERVICE_COMMANDS),
        *_routes(shop, incident.PAGE, "incident", INCIDENT_COMMANDS),
    ]


def _routes(shop: Shop, page: Page, subject: str, commands: Mapping[str, Operation]) -> list[Route]:
    return [
        Route(f"{page.address}/{name}", _action(shop, page, subject, name, operation), methods=["POST"])
        for name, operation in commands.items()
    ]


def _action(
    shop: Shop, page: Page, subject: str, command: str, operation: Operation
) -> Callable[[Request], Awaitable[Response]]:
    async def act(request: Request) -> Response:
        visitor = await shop.visitors.of(request)
        caller = known_caller(visitor)
        fields = await read_form(request)
        shop.visitors.check_form(visitor, fields.get("token", ""))
        target = request.path_params[subject]
        try:
            async with shop.client(caller) as ask:
                await operation(ask, Sent(target=target, fields=fields))
        except TidegateError as problem:
            return await shop.shown(request, page, visitor, problem=problem)
        own = page.address.replace(f"{{{subject}}}", quote(target, safe=""))
        return RedirectResponse(f"{own}?did={command}", 303)

    return act
