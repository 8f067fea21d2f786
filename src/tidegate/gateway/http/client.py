"""The HTTP/1.1 client of the gateway: what its callers need, in one place.

pool = Pool(wheel)
origin = Origin.from_url("https://api.example.com")
head = request_head(b"POST", b"/v1/chat/completions", origin, headers, length)
response = await pool.request(origin, head, parts, connect_timeout=2.0)
await response.stream_to(on_data)
"""

from __future__ import annotations

from tidegate.gateway.http.faults import (
    BodyTooLargeError,
    ConnectError,
    ConnectionLostError,
    HttpClientError,
    ProtocolError,
    TruncatedBodyError,
)
from tidegate.gateway.http.origin import Origin, Proxy, request_head
from tidegate.gateway.http.pool import Pool
from tidegate.gateway.http.upstream_connection import JOIN_LIMIT, UpstreamConnection
from tidegate.gateway.http.upstream_response import UpstreamResponse

__all__ = [
    "JOIN_LIMIT",
    "BodyTooLargeError",
    "ConnectError",
    "ConnectionLostError",
    "HttpClientError",
    "Origin",
    "Pool",
    "ProtocolError",
    "Proxy",
    "TruncatedBodyError",
    "UpstreamConnection",
    "UpstreamResponse",
    "request_head",
]
