"""Rules of HTTP that server and client share: which headers travel on, which values may, how long to wait.

Header names are lower-case bytes throughout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

Headers = list[tuple[bytes, bytes]]

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

REQUEST_HEADERS = frozenset(
    {
        b"anthropic-beta",
        b"anthropic-version",
        b"baggage",
        b"idempotency-key",
        b"openai-beta",
        b"traceparent",
        b"tracestate",
        b"user-agent",
        b"x-client-request-id",
    }
)
"""Client headers that go upstream. A list of the allowed: whatever is not on it may be a credential."""

_NEVER_BACK = HOP_BY_HOP | {
    b"access-control-allow-origin",
    b"alt-svc",
    b"authorization",
    b"content-encoding",
    b"content-length",
    b"cookie",
    b"date",
    b"nel",
    b"report-to",
    b"server",
    b"set-cookie",
    b"set-cookie2",
    b"strict-transport-security",
    b"via",
    b"www-authenticate",
    b"x-api-key",
    b"x-request-id",
}
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


def upstream_request_headers(headers: Mapping[bytes, bytes]) -> Headers:
    """The client's headers that travel upstream: never credentials, cookies or hop-by-hop ones."""
    named = connection_options(headers)
    return [
        (name, value)
        for name, value in headers.items()
        if name in REQUEST_HEADERS and name not in named and is_header_value(value)
    ]


def client_answer_headers(headers: Mapping[bytes, bytes]) -> Headers:
    """The upstream's headers that travel back to the client: rate limits, its model, its own request id.

    Framing, cookies, credentials, our own ``x-tidegate-*`` and the connection's headers stay behind; the
    upstream's ``x-request-id`` comes back as ``x-upstream-request-id``, since ours has that name.
    """
    named = connection_options(headers)
    back: Headers = []
    for name, value in headers.items():
        if name == b"x-request-id" and is_header_value(value):
            back.append((b"x-upstream-request-id", value))
        elif name not in named and _may_go_back(name) and is_header_value(value):
            back.append((name, value))
    return back


def _may_go_back(name: bytes) -> bool:
    return name not in _NEVER_BACK and not name.startswith(b"x-tidegate-") and is_header_name(name)


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
