"""The dashboard as an ASGI app in front of the API: what is not the API's, the link's or health's is a page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.api.plane import Plane
from tidegate.dashboard.acting import action_routes
from tidegate.dashboard.assets import Assets
from tidegate.dashboard.downloads import download_routes
from tidegate.dashboard.drawing import problem_context
from tidegate.dashboard.headers import HEADERS, Headers
from tidegate.dashboard.login import login_routes
from tidegate.dashboard.looking import Page
from tidegate.dashboard.pages import PAGES
from tidegate.dashboard.showing import Shop, error_page
from tidegate.errors import NotFoundError, TidegateError, UnauthenticatedError

_NOT_OURS = ("/api/", "/link/", "/metrics", "/healthz", "/readyz")


def with_dashboard(api: FastAPI) -> ASGIApp:
    """The API with the dashboard at ``/``."""
    plane: Plane = api.state.plane
    dashboard = create_dashboard(api, plane)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and not scope["path"].startswith(_NOT_OURS) and scope["path"] != "/api"
        await (dashboard if is_page else api)(scope, receive, send)

    return front


def create_dashboard(api: ASGIApp, plane: Plane) -> Starlette:
    """Every page over an API and what it stands on."""
    assets = Assets()
    shop = Shop(api, plane, assets)
    pages = [route for page in PAGES for route in (Route(page.address, shop.page(page)), *_live(shop, page))]

    async def static(request: Request) -> Response:
        return assets.answer(request)

    app = Starlette(
        routes=[
            Route("/static/{path:path}", static),
            *login_routes(shop),
            *action_routes(shop),
            *download_routes(shop),
            *pages,
        ],
        middleware=[Middleware(Headers), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)],
        exception_handlers={TidegateError: _known(shop), HTTPException: _http(shop), Exception: _broken(shop)},
    )
    app.router.redirect_slashes = False
    return app


def _live(shop: Shop, page: Page) -> list[Route]:
    return [Route(f"/live{page.address}", shop.live(page))] if page.parts else []


def _known(shop: Shop) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, TidegateError)
        if isinstance(error, UnauthenticatedError) and request.method == "GET":
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        return await error_page(shop, request, error)

    return answer


def _http(shop: Shop) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = NotFoundError(f"there is nothing at {request.url.path}", code="unknown_path")
        found = known if error.status_code == 404 else TidegateError(error.detail, code="bad_request")
        return await error_page(shop, request, found, status=error.status_code)

    return answer


def _broken(shop: Shop) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Our own fault: it is told in the log, and a reader gets a page all the same."""

    async def answer(_request: Request, _error: Exception) -> Response:
        known = TidegateError("this page failed, through no fault of yours", remedy="the log of control says why")
        html = shop.drawing.whole("bare_error.html", {**problem_context(known), "status": 500})
        return HTMLResponse(html, 500, headers=HEADERS)  # nothing else of the app stands around this answer

    return answer
