"""One transaction of the API's own: repeated only by its key, and undone when it was only to be tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.controller.operations import Idempotency
from tidegate.registry.database import Database
from tidegate.registry.idempotency import StoredResponse, recall, remember

T = TypeVar("T")


class _Tried(Exception, Generic[T]):  # noqa: N818 - not an error: it carries the answer out of an undone transaction
    def __init__(self, answer: T) -> None:
        self.answer = answer


async def tried(database: Database, change: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What ``change`` would answer; nothing of it is kept."""

    async def undone(connection: AsyncConnection) -> T:
        raise _Tried(await change(connection))

    try:
        return await database.transact(undone)
    except _Tried as done:
        return cast("T", done.answer)


async def done_once(
    database: Database,
    clock: Clock,
    change: Callable[[AsyncConnection], Awaitable[T]],
    shape: type[T],
    actor: str,
    idempotency: Idempotency | None,
) -> T:
    """Run ``change``, or answer what it answered when the same key came before.

    Raises:
        ConflictError: the key was used for another request.
    """

    async def once(connection: AsyncConnection) -> T:
        if idempotency is None:
            return await change(connection)
        known = await recall(connection, actor, idempotency.key, idempotency.digest)
        if known is not None:
            return msgspec.json.decode(known.body, type=shape)
        answer = await change(connection)
        stored = StoredResponse(200, msgspec.json.encode(answer).decode())
        await remember(connection, actor, idempotency.key, idempotency.digest, stored, at=clock.now())
        return answer

    return await database.transact(once)
