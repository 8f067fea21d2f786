"""Where requests go: scheme, host, port and trust, built once per provider."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from tidegate.errors import OperatorError
from tidegate.gateway.http.heads import FRAMING_HEADERS, HeaderLines, Headers, header_block

_TARGET = re.compile(rb"/[!-~]*")
_REQUEST_LINES = HeaderLines(FRAMING_HEADERS | {b"host"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, eq=False)
class Proxy:
    """An HTTP proxy that tunnels by CONNECT.

    Attributes:
        authorization: the value of ``proxy-authorization``, or empty.
    """

    host: str
    port: int
    authorization: bytes = b""

    @classmethod
    def from_url(cls, url: str) -> Proxy:
        """From ``http://[user:password@]host:port``."""
        parts = _split(url, ("http",))
        authorization = b""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = b"Basic " + base64.b64encode(pair.encode())
        return cls(parts.hostname or "", parts.port or 80, authorization)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """One server; connections are pooled per object, so build it once.

    Attributes:
        authority: what stands in the ``host`` header.
        tls: context of https, always verifying; None for http.
    """

    scheme: str
    host: str
    port: int
    authority: bytes
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None

    @classmethod
    def from_url(cls, url: str, *, ca_file: str | None = None, proxy_url: str | None = None) -> Origin:
        """The origin of ``url``; its path is ignored.

        Args:
            url: ``http://…`` or ``https://…`` without credentials.
            ca_file: PEM certificates to trust instead of the system's.
            proxy_url: tunnel through this proxy.

        Raises:
            OperatorError: an address that cannot be used, or an unreadable ``ca_file``.
        """
        parts = _split(url, ("http", "https"))
        if parts.username is not None or parts.password is not None:
            raise OperatorError(
                "an upstream's address must not contain credentials", remedy="use api_key", where=_shown(url)
            )
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        name = f"[{host}]" if ":" in host else host
        authority = name if port == _DEFAULT_PORTS[parts.scheme] else f"{name}:{port}"
        tls = _trust(ca_file) if parts.scheme == "https" else None
        proxy = Proxy.from_url(proxy_url) if proxy_url else None
        return cls(parts.scheme, host, port, authority.encode(), tls, proxy)


def request_head(method: bytes, target: bytes, origin: Origin, headers: Headers, length: int) -> bytes:
    """The head of a request with a body of ``length`` bytes; host and content-length are added.

    Raises:
        ValueError: the target or a header would inject something.
    """
    if _TARGET.fullmatch(target) is None:
        msg = f"the target {target!r} is not an absolute path in printable ASCII"
        raise ValueError(msg)
    block = header_block(headers, _REQUEST_LINES)
    framing = b"content-length: %d\r\n\r\n" % length if length or method not in {b"GET", b"HEAD"} else b"\r\n"
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n%b%b" % (method, target, origin.authority, block, framing)


class _Parts:
    __slots__ = ("hostname", "password", "port", "scheme", "username")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.scheme = parts.scheme
        self.hostname = parts.hostname
        self.port = parts.port
        self.username = parts.username
        self.password = parts.password


def _split(url: str, schemes: Sequence[str]) -> _Parts:
    try:
        parts = _Parts(url)
        (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
    except ValueError as error:
        raise OperatorError(f"not a usable address: {error}", where=_shown(url)) from error
    if parts.scheme not in schemes or not parts.hostname:
        raise OperatorError(f"the address must look like {schemes[-1]}://host[:port]", where=_shown(url))
    return parts


def _shown(url: str) -> str:
    """``url`` without a password."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('//')[0]}//…@{after}" if at else url


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(f"the CA file cannot be read: {error}", where=ca_file) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
