"""Many rows into one table at once, past the statement builder, which costs more than the database does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_rows(
    connection: AsyncConnection, table: sa.Table, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert ``rows``.

    Args:
        columns: what each value of a row is, in the order they have in ``table``.
    """
    if rows:
        await connection.exec_driver_sql(_statement(table, columns, connection.dialect), list(rows))


@lru_cache(maxsize=32)
def _statement(table: sa.Table, columns: tuple[str, ...], dialect: sa.Dialect) -> str:
    return str(table.insert().compile(dialect=dialect, column_keys=list(columns)))
