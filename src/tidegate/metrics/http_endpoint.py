"""``source: {http: {url: ..., pointer: /score}}``: a number in the JSON that any endpoint answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from tidegate.delivery.quantities import Seconds, decode_quantity
from tidegate.documents import Document, decode
from tidegate.errors import InvalidInputError
from tidegate.metrics.answers import ask, check_timeout, check_url, number, sent_headers
from tidegate.metrics.placeholders import check_placeholders, fill, tells_variants
from tidegate.metrics.source import NoValueError, Subject, Tools


class HttpSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As written in a release file.

    Attributes:
        url: ``{service}``, ``{version}``, ``{variant}`` and ``{window}`` are filled in behind the host.
        pointer: where the number stands (RFC 6901).
        headers: values may be ``secret:NAME``.
    """

    url: str
    pointer: str = "/value"
    headers: dict[str, str] = {}
    timeout: Seconds = Seconds(5)


class HttpEndpoint:
    """One endpoint.

    Raises:
        InvalidInputError: the settings are wrong.
    """

    def __init__(self, settings: Any, tools: Tools) -> None:
        plain = {"url": settings} if isinstance(settings, str) else settings
        spec = decode(Document(plain, "source.http"), HttpSpec, hook=decode_quantity)
        check_placeholders(spec.url)
        if "{" in check_url(spec.url).split("/", 3)[2]:
            raise InvalidInputError(
                "the host holds a placeholder", where="source.http.url", remedy="write the host out"
            )
        if spec.pointer and not spec.pointer.startswith("/"):
            raise InvalidInputError(
                f"{spec.pointer!r} is no JSON pointer", where="source.http.pointer", remedy="write /value or /a/0/b"
            )
        self._client = tools.client
        self._url = spec.url
        self._pointer = spec.pointer
        self._headers = {"accept": "application/json"} | sent_headers(spec.headers, spec.url, tools.settings.secrets)
        self.timeout = check_timeout(spec.timeout)
        self.tells_variants = tells_variants(spec.url)

    async def read(self, subject: Subject) -> float:
        """The number the pointer leads to."""
        url = fill(self._url, subject, lambda value: quote(value, safe=""))
        request = self._client.build_request("GET", url, headers=self._headers, timeout=httpx2.Timeout(self.timeout))
        status, told = await ask(self._client, request)
        if not 200 <= status < 300:
            raise NoValueError(f"the endpoint answered {status}")
        return number(at_pointer(told, self._pointer))


def at_pointer(document: object, pointer: str) -> object:
    """What a JSON pointer leads to.

    Raises:
        NoValueError: nothing is there.
    """
    found = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            raise NoValueError(f"the answer has nothing at {pointer}")
    return found
