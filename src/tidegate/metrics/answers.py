"""Asks over HTTP and reads a bounded answer; whatever goes wrong is a reason in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from tidegate.errors import InvalidInputError
from tidegate.metrics.settings import SecretSettings
from tidegate.metrics.source import NoValueError

MAX_BYTES = 1 << 20
MAX_TIMEOUT = 60.0
_SECRET = "secret:"  # noqa: S105 - how a header refers to one


async def ask(client: httpx2.AsyncClient, request: httpx2.Request) -> tuple[int, Any]:
    """``(status, decoded JSON)``.

    Raises:
        NoValueError: no connection, no JSON, or more than :data:`MAX_BYTES` of it.
    """
    try:
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            body = await _bounded(response)
        finally:
            await response.aclose()
    except httpx2.HTTPError as error:
        raise NoValueError(
            f"{origin_of(str(request.url))} cannot be asked: {str(error) or type(error).__name__}"
        ) from error
    try:
        return response.status_code, msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        told = f"{origin_of(str(request.url))} answered {response.status_code}, and no JSON"
        raise NoValueError(told) from error


async def _bounded(response: httpx2.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise NoValueError(f"the answer is longer than {MAX_BYTES} bytes")
    return body


def number(value: object) -> float:
    """A finite number, as such or (Prometheus) as text.

    Raises:
        NoValueError: another kind of value, NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise NoValueError(f"{msgspec.json.encode(value)[:60].decode(errors='replace')} is no number")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise NoValueError(f"{str(value)[:60]!r} is no number") from None
    if not math.isfinite(found):
        raise NoValueError(f"the value is {found}, which is no number to judge by")
    return found


def origin_of(url: str) -> str:
    """``https://host:port``, without a port where it is the scheme's own."""
    parts = urlsplit(url)
    port = parts.port if parts.port not in {None, {"http": 80, "https": 443}.get(parts.scheme)} else None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def check_url(url: str) -> str:
    """The address, if it is one.

    Raises:
        InvalidInputError: another scheme than http and https, no host, or a user in it.
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        _ = parts.port
    except ValueError:
        is_good = False
    if not is_good:
        raise InvalidInputError(f"{url!r} is not an address that can be asked", remedy="write https://HOST/PATH")
    return url


def check_timeout(seconds: float) -> float:
    """The time limit.

    Raises:
        InvalidInputError: not above 0, or above a minute.
    """
    if not 0 < seconds <= MAX_TIMEOUT:
        raise InvalidInputError(
            f"a timeout lies above 0 s and at most at {MAX_TIMEOUT:g} s, and {seconds:g} s does not"
        )
    return seconds


def sent_headers(declared: Mapping[str, str], url: str, secrets: Mapping[str, SecretSettings]) -> dict[str, str]:
    """Headers with their secrets filled in.

    Raises:
        InvalidInputError: a secret is unknown, or belongs to another place than ``url``.
    """
    return {name: _value(name, value, url, secrets) for name, value in declared.items()}


def _value(name: str, value: str, url: str, secrets: Mapping[str, SecretSettings]) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in name + value):
        raise InvalidInputError(f"the header {name!r} holds a control character")
    if not value.startswith(_SECRET):
        return value
    wanted = value.removeprefix(_SECRET)
    found = secrets.get(wanted)
    if found is None:
        known = ", ".join(sorted(secrets)) or "none"
        raise InvalidInputError(
            f"there is no secret {wanted!r}", remedy=f"metrics.secrets of the configuration has {known}"
        )
    if origin_of(found.origin) != origin_of(url):
        raise InvalidInputError(f"the secret {wanted!r} is not for {origin_of(url)}")
    return found.value
