"""Rules of HTTP that server and client share: which headers travel on, which values may, how long to wait.

Header names are lower-case bytes throughout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tidegate.wire.kinds import Dialect

Headers = tuple[tuple[bytes, bytes], ...]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110, section 7.6.1, and what it names obsolete."""

REQUEST_HEADERS: dict[Dialect, tuple[bytes, ...]] = {
    "openai": (b"openai-beta", b"x-client-request-id"),
    "anthropic": (b"anthropic-version", b"anthropic-beta"),
}
"""Client headers that go upstream where both sides speak the dialect. A list of the allowed: whatever is not
on it may be a credential, or (``openai-organization``, ``openai-project``) belong to the client's own account,
or (``idempotency-key``) mean another body once the version's share is in it."""

ANSWER_HEADERS = frozenset(
    {
        *(
            f"x-ratelimit-{what}-{unit}".encode()
            for what in ("limit", "remaining", "reset")
            for unit in ("requests", "tokens", "input-tokens", "output-tokens")
        ),
        *(
            f"anthropic-{kind}-{what}".encode()
            for kind in (
                "ratelimit-requests",
                "ratelimit-tokens",
                "ratelimit-input-tokens",
                "ratelimit-output-tokens",
            )
            for what in ("limit", "remaining", "reset")
        ),
        b"anthropic-ratelimit-unified-status",
        b"openai-model",
        b"openai-processing-ms",
        b"openai-version",
        b"request-id",
        b"x-request-id",
        b"x-should-retry",
    }
)
"""Upstream headers that travel back. A list of the allowed: others may name the operator's own account
(``openai-organization``, ``anthropic-organization-id``), set cookies or frame another connection."""

UPSTREAM_REQUEST_ID = b"x-upstream-request-id"

_TRACE = (b"traceparent", b"tracestate")
SOUGHT = frozenset((*_TRACE, *(name for names in REQUEST_HEADERS.values() for name in names)))
"""Client headers any of which may go upstream; a request without them brings nothing but what every one brings."""
_SENT_ANYWAY = ((b"anthropic-version", b"2023-06-01"),)
_TRACE_CONTEXT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_DATE = re.compile(r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def is_header_name(name: bytes) -> bool:
    """A token (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def is_header_value(value: bytes) -> bool:
    """Visible bytes, spaces and tabs: no CR, LF, NUL or other control can start another header."""
    return _VALUE.fullmatch(value) is not None


def upstream_request_headers(headers: Mapping[bytes, bytes], client: Dialect, upstream: Dialect) -> Headers:
    """The client's headers that travel upstream: the trace context, and what selects features of a dialect
    that both sides speak. Never credentials, cookies or hop-by-hop ones.

    Empty for a client that asks for nothing but what every request brings.

    Args:
        headers: lower-case names.
        client: the dialect of the client's endpoint.
        upstream: the provider's dialect.
    """
    if SOUGHT.isdisjoint(headers):
        return ()
    names = REQUEST_HEADERS[client] if client == upstream else ()
    if _TRACE_CONTEXT.fullmatch(headers.get(b"traceparent", b"")):
        names = _TRACE + names
    passed = _chosen(headers, [name for name in names if name in headers])
    return () if passed == _SENT_ANYWAY else passed


def client_answer_headers(headers: Mapping[bytes, bytes]) -> Headers:
    """The upstream's headers that travel back to the client: rate limits, model, time, its own request id.

    That comes back as ``x-upstream-request-id``, since ours has the other name.
    """
    if ANSWER_HEADERS.isdisjoint(headers):
        return ()
    return tuple(
        (UPSTREAM_REQUEST_ID if name.endswith(b"request-id") else name, value)
        for name, value in _chosen(headers, [name for name in headers if name in ANSWER_HEADERS])
    )


def _chosen(headers: Mapping[bytes, bytes], names: Iterable[bytes]) -> Headers:
    """Those of ``names`` that neither belong to the connection nor could start another header."""
    named = connection_options(headers)
    return tuple((name, headers[name]) for name in names if name not in named and is_header_value(headers[name]))


def connection_options(headers: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """Header names that ``connection`` makes hop-by-hop (RFC 9110, section 7.6.1)."""
    value = headers.get(b"connection")
    if not value:
        return frozenset()
    return frozenset(split_list(value))


def split_list(value: bytes) -> Iterable[bytes]:
    """The lower-case members of a comma-separated header value."""
    return (member for part in value.split(b",") if (member := part.strip(b" \t").lower()))


def retry_after_seconds(headers: Mapping[bytes, bytes], now: datetime) -> float | None:
    """How long the upstream asks to wait, never negative; ``None`` when it does not say, or unreadably.

    ``retry-after-ms`` (milliseconds, more exact) goes before ``retry-after`` (seconds or an HTTP date,
    RFC 9110, section 10.2.3).

    Args:
        headers: lower-case names.
        now: aware instant that a date is compared with.
    """
    exact = _text(headers.get(b"retry-after-ms"))
    if exact is not None and _SECONDS.fullmatch(exact):
        return float(exact) / 1000
    told = _text(headers.get(b"retry-after"))
    if told is None:
        return None
    if _SECONDS.fullmatch(told):
        return float(told)
    instant = http_date(told)
    return None if instant is None else max(0.0, (instant - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """An HTTP date in the one form that may be sent (RFC 9110, section 5.6.7), else ``None``."""
    told = _DATE.fullmatch(text)
    if told is None or told[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(told[group]) for group in (1, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(told[2]) + 1, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1").strip()
