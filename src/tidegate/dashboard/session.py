"""Who a browser is: a signed cookie, and a token that only our own forms carry.

The cookie names a key and a part of its digest, never the key. It is worth nothing once the key is revoked or
replaced, once it is old, or after a change of the installation's secret.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import msgspec

LONGEST = timedelta(hours=12)
_DIGEST_LENGTH = 16


class Session(msgspec.Struct, frozen=True, array_like=True):
    """One browser.

    Attributes:
        id: random; new with each login.
        key: name of the access key, "" for somebody who has not shown one.
        digest: how that key's SHA-256 begins.
        since: seconds since the epoch.
    """

    id: str
    key: str
    digest: str
    since: int


class Sessions:
    """Seals sessions into cookies and opens them again.

    Args:
        secret: of the installation, hex; every control process of it has the same.
    """

    def __init__(self, secret: str) -> None:
        self._secret = hmac.digest(bytes.fromhex(secret), b"tidegate dashboard", "sha256")

    def begin(self, now: datetime, *, key: str = "", sha256: str = "") -> Session:
        """A new session."""
        return Session(secrets.token_urlsafe(16), key, sha256[:_DIGEST_LENGTH], int(now.timestamp()))

    def seal(self, session: Session) -> str:
        """The cookie's value."""
        body = urlsafe_b64encode(msgspec.json.encode(session)).decode()
        return f"{body}.{self._mark('cookie', body)}"

    def open(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie; ``None`` for one that is not ours or too old."""
        body, _, mark = cookie.partition(".")
        if not hmac.compare_digest(mark.encode(), self._mark("cookie", body).encode()):
            return None
        session = msgspec.json.decode(urlsafe_b64decode(body), type=Session)
        age = now - datetime.fromtimestamp(session.since, UTC)
        return session if age <= LONGEST else None

    def token(self, session: Session) -> str:
        """What a form must carry to be taken from this browser."""
        return self._mark("form", session.id)

    def is_own(self, session: Session, token: str) -> bool:
        """Whether ``token`` is that of this session."""
        return hmac.compare_digest(token.encode(), self.token(session).encode())

    def _mark(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def is_of_key(session: Session, sha256: str) -> bool:
    """Whether the session was opened with the key of that digest."""
    return hmac.compare_digest(session.digest.encode(), sha256[:_DIGEST_LENGTH].encode())
