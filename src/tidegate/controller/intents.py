"""Intents as they are accepted: who asks, what may be asked of a release, and how it is written down once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.intents import INTENTS, OF_PEOPLE, Abort, Alert, Approve, Reject, Rollback
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry import audit
from tidegate.registry.releases import ReleaseRow, add_intent, open_intents

UNCONDITIONAL = frozenset({"abort", "rollback", "alert"})  # ways back, which no version of the release stops
_NEEDS_IF_MATCH = frozenset({"promote", "resume"})


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the name of a key or program, and its roles."""

    name: str
    roles: tuple[str, ...] = ()


def check_intent(kind: str, reason: str, if_match: int | None) -> None:
    """Refuse what nobody may ask, or may not ask like this.

    Args:
        if_match: ``etag`` of the release that was seen; ``promote`` and ``resume`` need it.

    Raises:
        InvalidInputError: unknown kind, or ``if_match`` or a reason is missing.
    """
    if kind not in OF_PEOPLE:
        raise InvalidInputError(f"unknown command {kind!r}", remedy=f"known are {', '.join(sorted(OF_PEOPLE))}")
    if kind in _NEEDS_IF_MATCH and if_match is None:
        raise InvalidInputError(
            f"{kind} needs the version of the release it was decided on", remedy="send its etag as If-Match"
        )
    if kind == "retry" and not reason.strip():
        raise InvalidInputError("a retry needs a reason", code="no_reason", remedy="say what has changed")


async def accept_intent(
    connection: AsyncConnection,
    row: ReleaseRow,
    kind: str,
    actor: Actor,
    reason: str,
    *,
    now: datetime,
    is_full: bool = False,
) -> None:
    """Write the intent down, unless it would repeat one that waits or come after the end.

    Args:
        is_full: a promotion that skips every further soak.

    Raises:
        ConflictError: the release has ended, and this is more than a way back.
    """
    if row.phase.is_terminal and kind != "retry":
        if kind in UNCONDITIONAL:
            return
        raise ConflictError(f"release {row.id} has ended ({row.phase})", code="release_ended")
    waiting = (await open_intents(connection, [row.id]))[row.id]
    if kind in UNCONDITIONAL and any(isinstance(intent, Abort | Rollback | Alert) for intent in waiting):
        return
    detail: dict[str, Any] = {"roles": actor.roles} if INTENTS[kind] in {Approve, Reject} else {}
    if is_full:
        detail["full"] = True
    await add_intent(connection, row.id, kind, actor=actor.name, reason=reason, now=now, detail=detail)
    accepted = {"release": row.id, "service": row.service, "reason": reason, "at_version": row.version, **detail}
    await audit.append(connection, actor.name, f"intent.{kind}", row.id, accepted, now)
