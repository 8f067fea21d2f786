"""What stands before every route: who asks is known before a body is read, and bodies are bounded and plain.

Bounds are on size, time and nesting; so whoever has no key costs little, and whoever has one cannot stop control.
The gateways' link takes nothing that a browser sends.
"""

from __future__ import annotations

import asyncio

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidegate.api.admission import Admission, refuse_other_sites
from tidegate.api.json_bodies import check_json
from tidegate.api.problems import answer, problem_of
from tidegate.api.uploads import too_large, too_slow
from tidegate.errors import InvalidInputError, TidegateError

MAX_BODY_BYTES = 16 << 20
BODY_SECONDS = 60.0
_API = "/api/v1/"
_LINK = "/link/v1/"
_OWN_BOUNDS = ("/api/v1/artifacts/", "/api/v1/versions/import")


class Guard:
    """ASGI middleware.

    Args:
        is_link_open: gateways join without a token (on loopback only), so the link is as open as the API without keys.
    """

    def __init__(self, app: ASGIApp, admission: Admission, *, is_link_open: bool) -> None:
        self._app = app
        self._admission = admission
        self._is_link_open = is_link_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _unsniffed(send)
        try:
            request = HTTPConnection(scope)
            await self._check(request)
            if request.url.path.startswith(_API) and not request.url.path.startswith(_OWN_BOUNDS):
                receive = await _with_body(request, receive)
        except TidegateError as error:
            await answer(problem_of(error))(scope, receive, send)
        except _Left:
            return
        else:
            await self._app(scope, receive, send)

    async def _check(self, request: HTTPConnection) -> None:
        path = request.scope["path"]
        if "\x00" in path or b"%00" in request.scope["query_string"]:
            raise InvalidInputError("the address holds a zero byte", where="path", remedy="leave it out")
        if path.startswith(_API):
            if "caller" not in request.scope.get("state", {}):  # set inside this process only: the dashboard's pages
                request.state.caller = await self._admission.admit(request)
        elif path.startswith(_LINK) and self._is_link_open:
            refuse_other_sites(request)
            self._admission.refuse_other_hosts(request)


class _Left(Exception):  # noqa: N818 - nobody is there to be told
    pass


async def _with_body(request: HTTPConnection, receive: Receive) -> Receive:
    """Read the whole body and check it; returns what gives it to the app.

    Raises:
        RefusedError: too large or too slow.
        InvalidInputError: no plain JSON.
    """
    length = request.headers.get("content-length", "0")
    if length == "0" and "transfer-encoding" not in request.headers:
        return receive
    if length.isdecimal() and (len(length) > 18 or int(length) > MAX_BODY_BYTES):
        raise too_large(MAX_BODY_BYTES)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(receive)
    except TimeoutError:
        raise too_slow(BODY_SECONDS) from None
    check_json(body)
    return _given(body, receive)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Left
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
        if not message.get("more_body", False):
            return bytes(body)


def _given(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return messages.pop() if messages else await receive()

    return give


def _unsniffed(send: Send) -> Send:
    """What a version's card or a file holds is never taken for a page."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
        await send(message)

    return sent
