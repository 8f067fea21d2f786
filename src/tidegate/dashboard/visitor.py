"""Who looks at a page: the key they logged in with, or anybody where the API lets anybody in."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from tidegate.api.admission import refuse_other_sites
from tidegate.api.caller import Caller
from tidegate.api.plane import Plane
from tidegate.dashboard.session import LONGEST, Session, Sessions, is_of_key
from tidegate.errors import ForbiddenError, UnauthenticatedError
from tidegate.registry.cluster import read_cluster
from tidegate.registry.keys import find_key, find_key_by_digest, key_digest


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """One browser and whom it speaks for.

    Attributes:
        caller: ``None`` before a login.
        token: what its forms carry.
        is_new: its cookie must still be set.
    """

    session: Session
    token: str
    caller: Caller | None
    is_new: bool

    @property
    def is_logged_in(self) -> bool:
        """Whether it showed a key, which it can give up again."""
        return bool(self.session.key)


class Visitors:
    """Tells browsers apart."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._sessions: Sessions | None = None
        self._opening = asyncio.Lock()

    async def of(self, request: HTTPConnection) -> Visitor:
        """Who sends this request.

        Raises:
            ForbiddenError: it comes from another site's page, or under a name that is not this machine's.
        """
        refuse_other_sites(request)
        sessions, now = await self._of_installation(), self._plane.control.clock.now()
        session = sessions.open(request.cookies.get(cookie_name(request), ""), now)
        caller = None if session is None else await self._of_key(session)
        if caller is None:
            caller = await self._of_nobody(request)
        kept = session or sessions.begin(now)
        return Visitor(session=kept, token=sessions.token(kept), caller=caller, is_new=session is None)

    async def log_in(self, secret: str) -> Session:
        """A new session for whoever knows this key.

        Raises:
            UnauthenticatedError: nobody knows it.
            ForbiddenError: its roles see nothing here.
        """
        digest = key_digest(secret)
        async with self._plane.control.state.read() as connection:
            key = await find_key_by_digest(connection, digest)
        if key is None:
            raise UnauthenticatedError("nobody knows this key", remedy="ask an admin for one: tidegate keys create")
        Caller(name=key.name, roles=key.roles, services=key.services).need("read")
        return (await self._of_installation()).begin(self._plane.control.clock.now(), key=key.name, sha256=digest)

    def check_form(self, visitor: Visitor, token: str) -> None:
        """Refuse a form that is not one of ours.

        Raises:
            ForbiddenError: it lacks this browser's token.
        """
        if self._sessions is None or not self._sessions.is_own(visitor.session, token):
            raise ForbiddenError(
                "this form was not made for this browser", code="form_token", remedy="load the page again, then send it"
            )

    async def remember(self, request: Request, response: Response, session: Session) -> None:
        """Give the browser its cookie."""
        sealed = (await self._of_installation()).seal(session)
        response.set_cookie(
            cookie_name(request),
            sealed,
            max_age=int(LONGEST.total_seconds()),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    async def _of_installation(self) -> Sessions:
        async with self._opening:
            if self._sessions is None:
                async with self._plane.control.state.read() as connection:
                    row = await read_cluster(connection)
                if row is None:
                    raise UnauthenticatedError("control is still starting", remedy="try again in a moment")
                self._sessions = Sessions(row.mac_key)
        return self._sessions

    async def _of_key(self, session: Session) -> Caller | None:
        if not session.key:
            return None
        async with self._plane.control.state.read() as connection:
            key = await find_key(connection, session.key)
        if key is None or not is_of_key(session, key.sha256):
            return None
        return Caller(name=key.name, roles=key.roles, services=key.services)

    async def _of_nobody(self, request: HTTPConnection) -> Caller | None:
        try:
            return await self._plane.admission.admit(request)
        except UnauthenticatedError:
            return None


def cookie_name(request: HTTPConnection) -> str:
    """Cookies know no ports, and several installations may run on one machine."""
    return f"tidegate_{request.url.port or 443}"
