"""Shows pages: finds out who looks, asks the API in their name, draws; and keeps what is shown live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from tidegate.api.caller import ANONYMOUS, Caller
from tidegate.api.plane import Plane
from tidegate.client import AsyncClient
from tidegate.dashboard.assets import Assets
from tidegate.dashboard.drawing import Drawing, problem_context
from tidegate.dashboard.inside import client_of
from tidegate.dashboard.live import ANY_TOKEN, Parts, Topics
from tidegate.dashboard.looking import Context, Look, Page
from tidegate.dashboard.visitor import Visitor, Visitors
from tidegate.errors import TidegateError, UnauthenticatedError

Endpoint = Callable[[Request], Awaitable[Response]]
_WAIT_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Tidegate</title>'
    '<meta http-equiv="refresh" content="0"><p><a href="">Continue</a></p></html>'
)


class Shop:
    """What every page needs: the API, who visits, how to draw, and the topics."""

    def __init__(self, api: ASGIApp, plane: Plane, assets: Assets) -> None:
        self.plane = plane
        self.api = api
        self.visitors = Visitors(plane)
        self.drawing = Drawing(assets)
        control = plane.control
        self.topics = Topics(plane.closing, lambda: (control.news.count, control.ingest.stored))

    def page(self, page: Page) -> Endpoint:
        """The route of a page."""

        async def show(request: Request) -> Response:
            visitor = await self.visitors.of(request)
            if visitor.caller is None and _came_from_elsewhere(request):
                return HTMLResponse(_WAIT_PAGE)  # once more, from here: a strict cookie does not follow a link
            return await self.shown(request, page, visitor)

        return show

    async def shown(
        self, request: Request, page: Page, visitor: Visitor, *, problem: TidegateError | None = None
    ) -> Response:
        """The page as this visitor sees it, with what went wrong on top of it."""
        caller = known_caller(visitor)
        async with self.client(caller) as ask:
            look = Look(ask=ask, caller=caller, path=request.path_params, query=dict(request.query_params))
            context = await page.gather(look)
        live = f"/live{request.url.path}{_question(request)}" if page.parts else ""
        notice = None if problem is None else problem_context(problem)
        html = self.drawing.whole(page.template, self.context(request, visitor, context, live=live, notice=notice))
        return await self._with_cookie(request, visitor, HTMLResponse(html, problem.status if problem else 200))

    def live(self, page: Page) -> Endpoint:
        """The stream of a page's parts."""

        async def stream(request: Request) -> Response:
            visitor = await self.visitors.of(request)
            caller = known_caller(visitor)
            path, query = dict(request.path_params), dict(request.query_params)

            async def look() -> Parts:
                async with self.client(caller) as ask:
                    context = await page.gather(Look(ask=ask, caller=caller, path=path, query=query))
                return dict(self.drawing.parts(page, {**_rights(caller), "token": ANY_TOKEN, **context}))

            async def may_go_on() -> bool:
                return (await self.visitors.of(request)).caller == caller

            key = (
                page.address,
                *sorted(path.items()),
                *sorted(query.items()),
                caller.name,
                caller.roles,
                caller.services,
            )
            messages = self.topics.watch(key, look, may_go_on, visitor.token)
            return StreamingResponse(messages, media_type="text/event-stream")

        return stream

    def client(self, caller: Caller) -> AsyncClient:
        """The API, in the caller's name."""
        return client_of(self.api, caller)

    def context(
        self, request: HTTPConnection, visitor: Visitor, context: Context, *, live: str = "", notice: object = None
    ) -> Context:
        """What every template may name."""
        frame = {
            "visitor": visitor,
            "token": visitor.token,
            "address": request.url.path,
            "query": dict(request.query_params),
            "live": live,
            "notice": notice,
            "did": request.query_params.get("did", ""),
        }
        return {**_rights(visitor.caller), **frame, **context}

    async def _with_cookie(self, request: Request, visitor: Visitor, response: Response) -> Response:
        if visitor.is_new:
            await self.visitors.remember(request, response, visitor.session)
        return response


async def error_page(shop: Shop, request: Request, error: TidegateError, *, status: int | None = None) -> Response:
    """What went wrong, as a page of its own."""
    try:
        visitor = await shop.visitors.of(request)
    except TidegateError:
        return HTMLResponse(shop.drawing.whole("bare_error.html", problem_context(error)), status or error.status)
    context = shop.context(request, visitor, problem_context(error))
    return HTMLResponse(shop.drawing.whole("error.html", context), status or error.status)


def known_caller(visitor: Visitor) -> Caller:
    """Whoever looks.

    Raises:
        UnauthenticatedError: nobody knows.
        ForbiddenError: the key's roles see nothing here.
    """
    if visitor.caller is None:
        raise UnauthenticatedError("a key is needed", remedy="log in")
    visitor.caller.need("read")
    return visitor.caller


def _rights(caller: Caller | None) -> Mapping[str, object]:
    return {
        "who": None if caller is None or caller.name == ANONYMOUS else caller.name,
        "may_operate": caller is not None and caller.has("operate"),
        "may_approve": caller is not None and caller.has("approve"),
        "may_administer": caller is not None and caller.has("administer"),
        "sees_everything": caller is not None and not caller.services,
    }


def _came_from_elsewhere(request: Request) -> bool:
    return request.headers.get("sec-fetch-site") == "cross-site" and not request.cookies


def _question(request: Request) -> str:
    kept = [part for part in request.url.query.split("&") if part and not part.startswith("did=")]
    return f"?{'&'.join(kept)}" if kept else ""
