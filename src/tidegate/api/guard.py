"""What stands before every route: bodies have a bound, and the gateways' link takes nothing that a browser sends."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidegate.api.admission import Admission, refuse_other_sites
from tidegate.api.problems import answer, problem_of
from tidegate.api.uploads import too_large
from tidegate.errors import TidegateError

MAX_BODY_BYTES = 16 << 20
_OWN_BOUNDS = ("/api/v1/artifacts/", "/api/v1/versions/import", "/link/v1/")


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
        try:
            self._check(HTTPConnection(scope))
        except TidegateError as error:
            await answer(problem_of(error))(scope, receive, send)
            return
        if scope["path"].startswith(_OWN_BOUNDS):
            await self._app(scope, receive, send)
        else:
            await _Bounded(self._app, scope, receive, send).run()

    def _check(self, request: HTTPConnection) -> None:
        if self._is_link_open and request.url.path.startswith("/link/"):
            refuse_other_sites(request)
            self._admission.refuse_other_hosts(request)
        length = request.headers.get("content-length", "0")
        if not request.url.path.startswith(_OWN_BOUNDS) and length.isdecimal() and int(length) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)


class _Bounded:
    """One request whose body may turn out too long; the app's own answer is replaced then."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._scope, self._receive, self._send = app, scope, receive, send
        self._size = 0
        self._is_started = False

    @property
    def _is_over(self) -> bool:
        return self._size > MAX_BODY_BYTES

    async def run(self) -> None:
        await self._app(self._scope, self._take, self._give)
        if self._is_over and not self._is_started:
            await answer(problem_of(too_large(MAX_BODY_BYTES)))(self._scope, self._receive, self._send)

    async def _take(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        return {"type": "http.request", "body": b"", "more_body": False} if self._is_over else message

    async def _give(self, message: Message) -> None:
        if self._is_over and not self._is_started:
            return
        self._is_started = True
        await self._send(message)
