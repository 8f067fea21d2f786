"""Upstreams whose certificate nobody should trust, and the authority that the gateway trusts."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme
from tests.faults.raw_upstreams import ends_by_closing, serving

HOST = "127.0.0.1"


def of_unknown_authority(_trusted: trustme.CA) -> trustme.LeafCert:
    """For the right host, by an authority that nobody knows."""
    return trustme.CA().issue_cert(HOST)


def of_yesterday(trusted: trustme.CA) -> trustme.LeafCert:
    """It was good until yesterday."""
    now = datetime.now(UTC)
    return trusted.issue_cert(HOST, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))


def of_somebody_else(trusted: trustme.CA) -> trustme.LeafCert:
    """Good, for another host."""
    return trusted.issue_cert("elsewhere.example")


UNTRUSTED: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    made.__name__: made for made in (of_unknown_authority, of_yesterday, of_somebody_else)
}


@asynccontextmanager
async def presenting(make: Callable[[trustme.CA], trustme.LeafCert]) -> AsyncIterator[tuple[str, str]]:
    """Address of an upstream that would answer well, and the file of the authority to trust."""
    trusted = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    make(trusted).configure_cert(tls)
    with TemporaryDirectory(prefix="tidegate-authority-") as folder:
        file = Path(folder) / "ca.pem"
        trusted.cert_pem.write_to_path(str(file))
        async with serving(ends_by_closing, tls) as url:
            yield url, str(file)
