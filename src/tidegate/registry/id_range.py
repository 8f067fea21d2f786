"""The oldest and the newest row of a table, by its ids, without reading what lies between."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


def id_range_of(table: sa.Table) -> sa.Select[int | None, int | None]:
    """``(lowest id, highest id)``, both ``None`` of an empty table.

    Two queries in one: SQLite goes straight to the end of an index for a sole ``min`` or ``max`` and reads every row
    where one query asks for both.
    """
    least = sa.select(sa.func.min(table.c.id)).scalar_subquery()
    most = sa.select(sa.func.max(table.c.id)).scalar_subquery()
    return sa.select(least, most)


async def id_range(connection: AsyncConnection, table: sa.Table) -> tuple[int, int] | None:
    """The lowest and the highest id, ``None`` of an empty table."""
    least, most = (await connection.execute(id_range_of(table))).one()
    return None if least is None or most is None else (least, most)
