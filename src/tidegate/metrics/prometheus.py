"""``source: {prometheus: "avg(...)"}``: an instant query in PromQL over HTTP.

The query must come down to one number: no series, several of them, NaN and an error of the server are *no data*,
each with its reason. The server is the installation's, or ``{query: ..., url: ...}`` names another.
"""

from __future__ import annotations

from typing import Any

import httpx2
import msgspec

from tidegate.delivery.quantities import Seconds, decode_quantity
from tidegate.documents import Document, decode
from tidegate.errors import InvalidInputError
from tidegate.metrics.answers import ask, check_timeout, check_url, number, sent_headers
from tidegate.metrics.placeholders import check_placeholders, fill, tells_variants
from tidegate.metrics.source import NoValueError, Subject, Tools

_OWN_SECONDS = 1.0  # what the server is given less than whoever asks it, so that it says itself what took long


class PrometheusSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As written in a release file.

    Attributes:
        query: PromQL; ``{service}``, ``{version}``, ``{variant}`` and ``{window}`` are filled in.
        url: of another server than the installation's.
        headers: values may be ``secret:NAME``.
    """

    query: str
    url: str | None = None
    headers: dict[str, str] = {}
    timeout: Seconds = Seconds(5)


class Prometheus:
    """One query.

    Raises:
        InvalidInputError: the settings are wrong, or no server is configured.
    """

    def __init__(self, settings: Any, tools: Tools) -> None:
        plain = {"query": settings} if isinstance(settings, str) else settings
        spec = decode(Document(plain, "source.prometheus"), PrometheusSpec, hook=decode_quantity)
        if not spec.query.strip():
            raise InvalidInputError("the query is empty", where="source.prometheus")
        check_placeholders(spec.query)
        configured = tools.settings.prometheus
        url = spec.url or (configured.url if configured else None)
        if url is None:
            raise InvalidInputError(
                "no Prometheus is configured",
                where="source.prometheus",
                remedy="add metrics: {prometheus: {url: ...}} to the configuration, or {query: ..., url: ...} here",
            )
        self._client = tools.client
        self._url = f"{check_url(url).rstrip('/')}/api/v1/query"
        self._query = spec.query
        own = configured.headers if configured and spec.url is None else {}
        self._headers = {**own, **sent_headers(spec.headers, url, tools.settings.secrets)}
        self.timeout = check_timeout(spec.timeout)
        self.tells_variants = tells_variants(spec.query)

    async def read(self, subject: Subject) -> float:
        """The value of the one series."""
        form = {"query": fill(self._query, subject, _in_string), "timeout": f"{self._own_timeout():g}s"}
        request = self._client.build_request(
            "POST", self._url, data=form, headers=self._headers, timeout=httpx2.Timeout(self.timeout)
        )
        status, told = await ask(self._client, request)
        if not isinstance(told, dict) or told.get("status") != "success" or status != 200:
            detail = told.get("error") if isinstance(told, dict) else None
            raise NoValueError(f"Prometheus answered {status}: {detail or 'no reason given'}")
        return number(_one_value(told.get("data")))

    def _own_timeout(self) -> float:
        return max(self.timeout - _OWN_SECONDS, self.timeout / 2)


def _one_value(data: Any) -> object:
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "scalar" and isinstance(result, list) and len(result) == 2:
        return result[1]
    if kind != "vector" or not isinstance(result, list):
        raise NoValueError(f"the query gives a {kind or 'nameless thing'}, not one number")
    if not result:
        raise NoValueError("the query gives no series: nothing of that name and labels was collected")
    if len(result) > 1:
        raise NoValueError(f"the query gives {len(result)} series; bring them down to one with avg(), sum() or max()")
    value = result[0].get("value") if isinstance(result[0], dict) else None
    if not isinstance(value, list) or len(value) != 2:
        raise NoValueError("the series has a histogram instead of a number")
    return value[1]


def _in_string(value: str) -> str:
    """Fit to stand between quotes in PromQL."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("`", "").replace("\n", "\\n")
