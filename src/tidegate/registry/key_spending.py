"""What each key used by day of UTC: counted in the transaction that stores its observations, so that it is exact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.limits.periods import day_of
from tidegate.delivery.observation import Observation
from tidegate.registry.schema import key_spending

KEPT = timedelta(days=400)
_COUNTS = ("requests", "input_tokens", "output_tokens", "cost_nano_usd")


class Spending(msgspec.Struct, frozen=True):
    """Of one key on one day (``2026-11-27``): requests, tokens read and written, nano-USD as its budgets were charged."""

    key: str
    day: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0


def spending_of(rows: Iterable[Observation]) -> list[Spending]:
    """By key and the day each request began; of nobody's requests nothing."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row.key:
            counts = found.setdefault((row.key, day_of(row.started_at_us).name), [0, 0, 0, 0])
            amounts = (1, row.input_tokens, row.output_tokens, row.charged_nano_usd)
            for place, amount in enumerate(amounts):
                counts[place] += max(0, amount)
    return [Spending(key, day, *counts) for (key, day), counts in sorted(found.items())]


async def add_spending(connection: AsyncConnection, added: Sequence[Spending]) -> None:
    """Add to what each key and day had."""
    for each in added:
        amounts = {name: getattr(each, name) for name in _COUNTS}
        grown = {name: key_spending.c[name] + amount for name, amount in amounts.items()}
        place = (key_spending.c.key == each.key) & (key_spending.c.day == each.day)
        changed = await connection.execute(sa.update(key_spending).where(place).values(grown))
        if not changed.rowcount:
            await connection.execute(sa.insert(key_spending).values(key=each.key, day=each.day, **amounts))


async def read_spending(connection: AsyncConnection, *, since: str) -> list[Spending]:
    """Every key's days from ``since`` on."""
    table = key_spending.c
    columns = (table.key, table.day, *(table[name] for name in _COUNTS))
    found = await connection.execute(sa.select(*columns).where(table.day >= since).order_by(table.key, table.day))
    return [Spending(*row) for row in found]


async def forget_spending(connection: AsyncConnection, now: datetime) -> None:
    """Days older than :data:`KEPT` go."""
    oldest = f"{now - KEPT:%Y-%m-%d}"
    await connection.execute(sa.delete(key_spending).where(key_spending.c.day < oldest))
