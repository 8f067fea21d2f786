"""What is written to an upstream: the head of the request, and its body in slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.delivery.trace import parse_traceparent, passed_on
from tidegate.wire.http_rules import SOUGHT, Headers, upstream_request_headers
from tidegate.wire.kinds import DIALECTS

if TYPE_CHECKING:
    from tidegate.gateway.call import Call
    from tidegate.gateway.upstreams import Account
    from tidegate.wire.exchange import Exchange


def upstream_request(call: Call, account: Account, exchange: Exchange) -> tuple[bytes, list[bytes | memoryview]]:
    """Head and body of one attempt; the exchange hands its body over."""
    parts = exchange.request_parts()
    length = len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
    extra = () if SOUGHT.isdisjoint(call.request.headers) else _extra(call, account)
    return account.head(exchange.path, exchange.headers, length, extra), parts


def _extra(call: Call, account: Account) -> Headers:
    """What travels on of the client's own headers."""
    extra = upstream_request_headers(call.request.headers, DIALECTS[call.kind], account.dialect)
    if extra and extra[0][0] == b"traceparent":
        return (_own_span(call, extra[0][1]), *extra[1:])
    return extra


def _own_span(call: Call, sent: bytes) -> tuple[bytes, bytes]:
    """The trace goes on through us: this attempt is what the upstream hangs its own spans on."""
    context = parse_traceparent(sent.decode("ascii"))
    told = sent if context is None else passed_on(context, call.request_id, call.span_attempt).header.encode()
    return b"traceparent", told
