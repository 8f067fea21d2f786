"""What keys used by day, counted with their observations."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.fakes.observations import observation

from tidegate.registry.key_spending import KEPT, Spending, add_spending, forget_spending, read_spending, spending_of

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def row(key: str, at: datetime = NOON, **fields):
    return observation(key=key, started_at_us=int(at.timestamp()) * 1_000_000, **fields)


def test_each_key_and_day_is_summed_and_an_unknown_cost_is_what_was_reserved():
    rows = [
        row("shop", input_tokens=10, output_tokens=5, cost_nano_usd=700),
        row("shop", input_tokens=10, output_tokens=-1, cost_nano_usd=-1, assumed_nano_usd=50),
        row("shop", NOON.replace(day=28), input_tokens=1, output_tokens=1, cost_nano_usd=3),
        row("ci", input_tokens=2, output_tokens=2, cost_nano_usd=9),
        row("", input_tokens=2, output_tokens=2, cost_nano_usd=9),
    ]
    assert spending_of(rows) == [
        Spending("ci", "2026-11-27", 1, 2, 2, 9),
        Spending("shop", "2026-11-27", 2, 20, 5, 750),
        Spending("shop", "2026-11-28", 1, 1, 1, 3),
    ]


async def test_it_adds_to_what_was_there_reads_from_a_day_on_and_forgets_the_old(observations_db):
    old = f"{NOON - KEPT:%Y-%m-}01"

    async def add(connection):
        await add_spending(connection, [Spending("shop", "2026-11-27", 1, 2, 3, 4), Spending("shop", old, 1, 1, 1, 1)])
        await add_spending(connection, [Spending("shop", "2026-11-27", 10, 20, 30, 40)])

    await observations_db.transact(add)
    async with observations_db.read() as connection:
        assert await read_spending(connection, since="2026-11-01") == [Spending("shop", "2026-11-27", 11, 22, 33, 44)]
        assert len(await read_spending(connection, since="2000-01-01")) == 2
    await observations_db.transact(lambda connection: forget_spending(connection, NOON))
    async with observations_db.read() as connection:
        assert [each.day for each in await read_spending(connection, since="2000-01-01")] == ["2026-11-27"]
