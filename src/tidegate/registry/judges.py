"""Judges as they are declared."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.judging import JudgeSpec, check_judge
from tidegate.delivery.quantities import decode_quantity
from tidegate.registry import audit
from tidegate.registry.canonical import canonical_json
from tidegate.registry.instants import to_text
from tidegate.registry.schema import judges


async def put_judge(connection: AsyncConnection, name: str, spec: JudgeSpec, *, actor: str, at: datetime) -> bool:
    """Create or change a judge; whether anything changed.

    Raises:
        InvalidInputError: it cannot be asked like this.
    """
    check_judge(name, spec)
    known = await find_judge(connection, name)
    if known is not None and canonical_json(known) == canonical_json(spec):
        return False
    values = {"spec": canonical_json(spec).decode(), "updated_at": to_text(at)}
    if known is None:
        await connection.execute(sa.insert(judges).values(name=name, **values))
    else:
        await connection.execute(sa.update(judges).where(judges.c.name == name).values(values))
    action = "judge.created" if known is None else "judge.changed"
    detail = {"spec": msgspec.json.decode(canonical_json(spec))}
    await audit.append(connection, actor, action, f"judge:{name}", detail, at)
    return True


async def find_judge(connection: AsyncConnection, name: str) -> JudgeSpec | None:
    """The judge, or ``None``."""
    text = await connection.scalar(sa.select(judges.c.spec).where(judges.c.name == name))
    return None if text is None else _decoded(text)


async def list_judges(connection: AsyncConnection) -> dict[str, JudgeSpec]:
    """Every judge, by name."""
    rows = await connection.execute(sa.select(judges.c.name, judges.c.spec).order_by(judges.c.name))
    return {row.name: _decoded(row.spec) for row in rows}


def _decoded(text: str) -> JudgeSpec:
    return msgspec.json.decode(text, type=JudgeSpec, dec_hook=decode_quantity)
