"""What each process's requests cost each key, in the days and months that run."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.fakes.observations import observation

from tidegate.registry.key_charges import Place, add_charges, charges_of, forget_charges, read_charges

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def row(key: str, at: datetime = NOON, **fields):
    return observation(key=key, started_at_us=int(at.timestamp()) * 1_000_000, **fields)


def test_each_request_counts_in_its_day_and_month_and_an_unknown_cost_as_it_was_reserved():
    rows = [
        row("shop", cost_nano_usd=700),
        row("shop", cost_nano_usd=-1, assumed_nano_usd=40),
        row("shop", NOON.replace(day=28), cost_nano_usd=5),
        row("ci", cost_nano_usd=-1),
        row("", cost_nano_usd=9),
    ]
    assert charges_of(rows) == {
        Place("shop", "2026-11-27"): 740,
        Place("shop", "2026-11"): 745,
        Place("shop", "2026-11-28"): 5,
    }


async def test_processes_are_counted_apart_and_what_comes_later_is_added(observations_db):
    day, month = Place("shop", "2026-11-27"), Place("shop", "2026-11")

    async def add(connection):
        await add_charges(connection, "a", {})
        await add_charges(connection, "a", {day: 5, month: 5})
        await add_charges(connection, "b", {day: 1, Place("ci", "2026-11"): 2})
        await add_charges(connection, "a", {day: 10, month: 10, Place("ci", "2026-11"): 3})

    await observations_db.transact(add)
    async with observations_db.read() as connection:
        found = await read_charges(connection, ["2026-11-27", "2026-11"])
        assert found == {day: {"a": 15, "b": 1}, month: {"a": 15}, Place("ci", "2026-11"): {"a": 3, "b": 2}}
        assert await read_charges(connection, ["2026-11-28"]) == {}


async def test_days_and_months_that_are_over_are_forgotten(observations_db):
    periods = ("2026-09", "2026-10", "2026-11", "2026-11-01", "2026-11-29", "2026-12-01", "2026-12")
    places = {Place("shop", period): 1 for period in periods}
    await observations_db.transact(lambda connection: add_charges(connection, "a", places))
    for now, kept in (
        (datetime(2026, 12, 1, 3, tzinfo=UTC), {"2026-11", "2026-11-29", "2026-12-01", "2026-12"}),
        (datetime(2026, 12, 4, 3, tzinfo=UTC), {"2026-12"}),
    ):
        await observations_db.transact(lambda connection, now=now: forget_charges(connection, now))
        async with observations_db.read() as connection:
            assert {place.period for place in await read_charges(connection, periods)} == kept
