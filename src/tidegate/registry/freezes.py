"""Freezes: who stopped all forward movement of a service, or of everything, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.errors import InvalidInputError
from tidegate.registry import audit
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import freezes
from tidegate.registry.services import get_service

EVERYTHING = "*"


class Freeze(msgspec.Struct, frozen=True, kw_only=True):
    """One freeze; ``scope`` is a service's name or :data:`EVERYTHING`."""

    scope: str
    actor: str
    reason: str
    created_at: datetime


async def freeze(connection: AsyncConnection, scope: str, *, reason: str, actor: str, at: datetime) -> bool:
    """Freeze a scope; whether it was not frozen before (the first reason stands).

    Raises:
        InvalidInputError: no reason.
        NotFoundError: no such service.
    """
    if not reason.strip():
        raise InvalidInputError("a freeze needs a reason", code="no_reason", remedy="say why, for those who find it")
    if scope != EVERYTHING:
        await get_service(connection, scope)
    if await _find(connection, scope) is not None:
        return False
    values = {"scope": scope, "actor": actor, "reason": reason, "created_at": to_text(at)}
    await connection.execute(sa.insert(freezes).values(values))
    await audit.append(connection, actor, "freeze.set", scope, {"reason": reason}, at)
    return True


async def unfreeze(connection: AsyncConnection, scope: str, *, reason: str, actor: str, at: datetime) -> bool:
    """Lift the freeze of exactly this scope; whether there was one."""
    found = await _find(connection, scope)
    if found is None:
        return False
    await connection.execute(sa.delete(freezes).where(freezes.c.scope == scope))
    detail = {"reason": reason, "frozen_by": found.actor, "frozen_because": found.reason}
    await audit.append(connection, actor, "freeze.lifted", scope, detail, at)
    return True


async def freeze_of(connection: AsyncConnection, service: str) -> Freeze | None:
    """What holds this service: its own freeze, else that of everything, else ``None``."""
    return await _find(connection, service) or await _find(connection, EVERYTHING)


async def list_freezes(connection: AsyncConnection) -> list[Freeze]:
    """Every freeze, by scope."""
    return [_decoded(row) for row in (await connection.execute(sa.select(freezes).order_by(freezes.c.scope))).all()]


async def _find(connection: AsyncConnection, scope: str) -> Freeze | None:
    row = (await connection.execute(sa.select(freezes).where(freezes.c.scope == scope))).one_or_none()
    return _decoded(row) if row else None


def _decoded(row: sa.Row[Any]) -> Freeze:
    return Freeze(scope=row.scope, actor=row.actor, reason=row.reason, created_at=from_text(row.created_at))
