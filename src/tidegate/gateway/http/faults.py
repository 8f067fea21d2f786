"""What can go wrong between the gateway and an upstream, by how much the upstream may have seen.

HttpClientError
├── ConnectError              nothing was sent: name, dial, time-out, proxy, TLS
├── ConnectionLostError       the connection died; tells whether any byte of an answer had arrived
│   └── TruncatedBodyError    it died inside the body
├── ProtocolError             the answer is not HTTP/1.1 as we accept it
└── BodyTooLargeError         the answer is longer than its reader allows
"""

from __future__ import annotations

from tidegate.errors import UpstreamError


class HttpClientError(UpstreamError):
    """Root of the client's errors."""

    default_code = "upstream_unreachable"


class ConnectError(HttpClientError):
    """No connection could be made; the request was not sent.

    Attributes:
        is_timeout: it took longer than the connect time-out.
    """

    default_code = "upstream_connect_failed"

    def __init__(self, message: str, *, is_timeout: bool = False) -> None:
        super().__init__(message)
        self.is_timeout = is_timeout


class ConnectionLostError(HttpClientError):
    """The connection ended before the answer did.

    Attributes:
        is_reused: the connection had served another request before.
        has_bytes: a part of the answer had arrived.
    """

    default_code = "upstream_connection_lost"

    def __init__(self, message: str, *, is_reused: bool, has_bytes: bool) -> None:
        super().__init__(message)
        self.is_reused = is_reused
        self.has_bytes = has_bytes


class TruncatedBodyError(ConnectionLostError):
    """The connection ended inside the body."""

    default_code = "upstream_truncated"


class ProtocolError(HttpClientError):
    """The answer is malformed, ambiguous or of an unknown version."""

    default_code = "upstream_protocol_error"


class BodyTooLargeError(HttpClientError):
    """The body exceeds the limit its reader set."""

    default_code = "upstream_body_too_large"
