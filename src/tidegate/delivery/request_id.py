"""Request ids that describe themselves.

``req_`` and 24 bytes in base64url: milliseconds since the Unix epoch (6), the gateway process (6), its
counter (4), and a keyed BLAKE2b over all of it (8). A feedback id can be checked and dated without a look-up; 64 bits of MAC leave guessing hopeless at
any request rate a server accepts.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from binascii import b2a_base64
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from tidegate.errors import InvalidInputError

PREFIX = "req_"
_MAC_BYTES = 8
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BODY_BYTES = 16
_TEXT_LENGTH = len(PREFIX) + (_BODY_BYTES + _MAC_BYTES) * 4 // 3


class RequestIdFacts(NamedTuple):
    """What an id says: when the request came, and to which process."""

    received_at: datetime
    boot: bytes
    counter: int


class RequestIds:
    """Makes the ids of one gateway process.

    Args:
        mac_key: shared by all gateways, from the snapshot; at most 64 bytes.
        boot: six bytes that differ between processes.
    """

    __slots__ = ("_boot", "_counter", "_mac")

    def __init__(self, mac_key: bytes, boot: bytes) -> None:
        self._mac = blake2b(key=mac_key, digest_size=_MAC_BYTES)
        self._boot = int.from_bytes(boot, "big") << 32
        self._counter = 0

    def make(self, now_ms: int) -> str:
        """The next id, for a request received at ``now_ms`` milliseconds since the Unix epoch."""
        self._counter = counter = (self._counter + 1) & 0xFFFF_FFFF
        body = (now_ms << 80 | self._boot | counter).to_bytes(_BODY_BYTES, "big")
        mac = self._mac.copy()
        mac.update(body)
        return PREFIX + b2a_base64(body + mac.digest(), newline=False).translate(_URL_SAFE).decode("ascii")


def read_request_id(text: str, mac_key: bytes) -> RequestIdFacts:
    """Check and decode an id.

    Raises:
        InvalidInputError: not an id of this installation.
    """
    wrong = InvalidInputError(
        f"{text!r} is not a request id of this installation",
        code="unknown_request_id",
        remedy="use the x-request-id header of the answer",
    )
    if len(text) != _TEXT_LENGTH or not text.startswith(PREFIX):
        raise wrong
    try:
        raw = urlsafe_b64decode(text[len(PREFIX) :])
    except (Base64Error, ValueError):
        raise wrong from None
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    if blake2b(body, key=mac_key, digest_size=_MAC_BYTES).digest() != mac:
        raise wrong
    milliseconds = int.from_bytes(body[:6], "big")
    return RequestIdFacts(
        datetime.fromtimestamp(milliseconds / 1000, UTC), body[6:12], int.from_bytes(body[12:], "big")
    )
