"""Lets callers in: by key, or without one on a machine of its own.

Open access needs both: no key exists, and the listener is loopback. Since any web page in a browser on that
machine can send requests there too, open access also asks for a loopback ``Host`` (a rebound DNS name is none),
and no write is taken from another site's page, with or without keys.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from tidegate.api.caller import ANONYMOUS, Caller
from tidegate.errors import ForbiddenError, UnauthenticatedError
from tidegate.registry.database import Database
from tidegate.registry.keys import find_key_by_digest, has_keys, key_digest

ACTOR_HEADER = "x-tidegate-actor"
_LONGEST_ACTOR = 128
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Admission:
    """The door of the API.

    Args:
        is_loopback: only this machine can connect.
        hosts: names, besides loopback ones, by which this listener is meant.
    """

    def __init__(self, database: Database, *, is_loopback: bool, hosts: frozenset[str] = frozenset()) -> None:
        self._database = database
        self._is_loopback = is_loopback
        self._hosts = hosts

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self._is_loopback

    async def admit(self, request: HTTPConnection) -> Caller:
        """Who sends this request.

        Raises:
            UnauthenticatedError: no key, or an unknown one.
            ForbiddenError: a request that a browser sends for somebody else's page.
        """
        refuse_other_sites(request)
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        async with self._database.read() as connection:
            if scheme.lower() == "bearer" and secret:
                digest = key_digest(secret.strip())
                key = await find_key_by_digest(connection, digest)
                if key is not None and hmac.compare_digest(key.sha256, digest):
                    return Caller(name=key.name, roles=key.roles, services=key.services)
            is_keyless = not await has_keys(connection)
        if is_keyless and self._is_loopback:
            self.refuse_other_hosts(request)
            return Caller(name=_named(request), roles=("admin",))
        raise _unauthenticated(is_known_scheme=bool(secret), is_keyless=is_keyless)

    def refuse_other_hosts(self, request: HTTPConnection) -> None:
        """Refuse a name that is not this machine's.

        Raises:
            ForbiddenError: ``Host`` is another name.
        """
        host = _hostname(request.headers.get("host", ""))
        if not (is_loopback_name(host) or host in self._hosts):
            raise ForbiddenError(
                f"without keys this API answers only under a loopback name, not as {host!r}",
                code="foreign_host",
                remedy="use 127.0.0.1 or localhost, or configure keys",
            )


def refuse_other_sites(request: HTTPConnection) -> None:
    """Refuse what a browser sends for another site's page; only following a link from there is no harm.

    Raises:
        ForbiddenError: it does.
    """
    is_write = request.scope["method"] not in _SAFE_METHODS
    is_other = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    if is_write and (is_other or _is_foreign(request)):
        raise _cross_site("write")
    if is_other and request.headers.get("sec-fetch-mode") != "navigate":
        raise _cross_site("request")


def _is_foreign(request: HTTPConnection) -> bool:
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")


def _cross_site(what: str) -> ForbiddenError:
    return ForbiddenError(
        f"this {what} comes from another site's page", code="cross_site_request", remedy="send it from this site"
    )


def is_loopback_name(host: str) -> bool:
    """Whether ``host`` can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _named(request: HTTPConnection) -> str:
    name = request.headers.get(ACTOR_HEADER, "").strip()
    return name if name and len(name) <= _LONGEST_ACTOR and name.isprintable() else ANONYMOUS


def _unauthenticated(*, is_known_scheme: bool, is_keyless: bool) -> UnauthenticatedError:
    if is_keyless:
        return UnauthenticatedError(
            "no key is configured, so nobody is let in from other machines",
            code="no_keys",
            remedy="add keys to the configuration file",
        )
    message = "nobody knows this key" if is_known_scheme else "a key is needed"
    return UnauthenticatedError(message, remedy="send `authorization: Bearer KEY`, or set TIDEGATE_KEY")
