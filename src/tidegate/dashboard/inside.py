"""The API as pages ask it: inside this process, in the name of whoever looks."""

from __future__ import annotations

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.api.caller import Caller
from tidegate.client import AsyncClient


def client_of(api: ASGIApp, caller: Caller) -> AsyncClient:
    """A client of the API that acts as ``caller``; close it after use.

    The API checks the caller's rights as it does those of any other, and knows of no way to say so from outside:
    what a network client sends never reaches ``scope["state"]``.
    """
    return AsyncClient(transport=_Inside(api, caller))


class _Inside(httpx2.AsyncBaseTransport):
    def __init__(self, api: ASGIApp, caller: Caller) -> None:
        self._api = api
        self._caller = caller
        self._transport = httpx2.ASGITransport(self._known, raise_app_exceptions=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._transport.handle_async_request(request)

    async def _known(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api({**scope, "state": {"caller": self._caller}}, receive, send)
