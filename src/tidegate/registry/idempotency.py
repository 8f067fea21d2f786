"""``Idempotency-Key``: a repeated write gets its first answer again instead of happening twice.

:func:`recall` and :func:`remember` stand in the same transaction as the write, so that a crash between them
is impossible.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.instants import to_text
from tidegate.registry.schema import idempotency

MAX_KEY_LENGTH = 255


class StoredResponse(msgspec.Struct, frozen=True):
    """The first answer: HTTP status and body."""

    status: int
    body: str


def request_digest(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same one."""
    return hashlib.sha256(b"\n".join((method.upper().encode(), path.encode(), body))).hexdigest()


async def recall(connection: AsyncConnection, actor: str, key: str, digest: str) -> StoredResponse | None:
    """The answer given before, or ``None`` for a new key.

    Raises:
        ConflictError: the key was used for another request.
        InvalidInputError: not a usable key.
    """
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidInputError(f"an idempotency key has 1 to {MAX_KEY_LENGTH} printable characters")
    query = sa.select(idempotency).where(idempotency.c.actor == actor, idempotency.c.key == key)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.request_digest != digest:
        raise ConflictError(
            f"idempotency key {key!r} was used for another request",
            code="idempotency_key_reused",
            remedy="use a new key",
        )
    return StoredResponse(row.status, row.response)


async def remember(
    connection: AsyncConnection, actor: str, key: str, digest: str, response: StoredResponse, *, at: datetime
) -> None:
    """Keep the answer for the next request with this key."""
    await connection.execute(
        sa.insert(idempotency).values(
            actor=actor,
            key=key,
            request_digest=digest,
            status=response.status,
            response=response.body,
            created_at=to_text(at),
        )
    )


async def forget_before(connection: AsyncConnection, instant: datetime) -> int:
    """Delete answers older than an instant; how many."""
    old = idempotency.c.created_at < to_text(instant)
    return (await connection.execute(sa.delete(idempotency).where(old))).rowcount
