"""Logging in with a key, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tidegate.dashboard.forms import read_form
from tidegate.dashboard.showing import Shop
from tidegate.dashboard.visitor import cookie_name
from tidegate.errors import ForbiddenError, TidegateError, UnauthenticatedError


def login_routes(shop: Shop) -> list[Route]:
    """The form, what it sends, and the way out."""

    async def form(request: Request) -> Response:
        return await _form(shop, request, request.query_params.get("next", "/"))

    async def log_in(request: Request) -> Response:
        visitor = await shop.visitors.of(request)
        sent = await read_form(request)
        following = _local(sent.get("next", "/"))
        try:
            shop.visitors.check_form(visitor, sent.get("token", ""))
            session = await shop.visitors.log_in(sent.get("key", "").strip())
        except (UnauthenticatedError, ForbiddenError) as error:
            return await _form(shop, request, following, error)
        response = RedirectResponse(following, 303)
        await shop.visitors.remember(request, response, session)
        return response

    async def log_out(request: Request) -> Response:
        visitor = await shop.visitors.of(request)
        shop.visitors.check_form(visitor, (await read_form(request)).get("token", ""))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="strict")
        return response

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
    ]


async def _form(shop: Shop, request: Request, following: str, error: TidegateError | None = None) -> Response:
    visitor = await shop.visitors.of(request)
    context = {"following": _local(following), "error": error}
    html = shop.drawing.whole("login.html", shop.context(request, visitor, context))
    response = HTMLResponse(html, error.status if error else 200)
    await shop.visitors.remember(request, response, visitor.session)
    return response


def _local(address: str) -> str:
    """Where to go after the login: on this site only."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_local else "/"
