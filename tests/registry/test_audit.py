import asyncio
import hashlib
from datetime import timedelta

import pytest
import rfc8785
import sqlalchemy as sa

from tidegate.errors import InvalidInputError
from tidegate.registry import audit
from tidegate.registry.audit import GENESIS, Head
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate
from tidegate.registry.schema import audit as table


async def _fill(database, clock, count=5):
    for number in range(count):
        async with database.write() as connection:
            await audit.append(connection, "ann", "thing.done", f"thing {number % 2}", {"n": number}, clock())


async def _verify(database, known=None):
    async with database.read() as connection:
        return await audit.verify(connection, known)


async def test_an_empty_log_is_whole(database):
    checked = await _verify(database)
    assert checked.is_whole
    assert checked.head == Head(0, GENESIS)


async def test_rows_follow_from_each_other(database, clock):
    await _fill(database, clock)
    checked = await _verify(database)
    assert (checked.is_whole, checked.rows) == (True, 5)
    async with database.read() as connection:
        rows = await audit.list_audit(connection)
        assert [row.seq for row in rows] == [5, 4, 3, 2, 1]
        assert rows[0].previous == rows[1].hash
        assert rows[0].detail == {"n": 4}
        assert rows[0].at - rows[1].at == timedelta(seconds=1)
        assert [row.seq for row in await audit.list_audit(connection, subject="thing 1", before=4)] == [2]
        assert await audit.head(connection) == checked.head


@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "detail", "previous", "hash"])
async def test_a_changed_column_is_found(database, clock, column):
    await _fill(database, clock)
    async with database.write() as connection:
        await connection.execute(sa.update(table).where(table.c.seq == 3).values({column: "changed"}))
    checked = await _verify(database)
    assert (checked.broken_seq, checked.rows) == (3, 2)
    assert "3" in checked.reason


async def test_a_row_rewritten_with_a_fitting_hash_is_found_by_the_next(database, clock):
    await _fill(database, clock)
    async with database.write() as connection:
        row = (await connection.execute(sa.select(table).where(table.c.seq == 3))).one()
        forged = [row.seq, row.at, "mallory", row.action, row.subject, row.detail, row.previous]
        values = {"actor": "mallory", "hash": hashlib.sha256(rfc8785.dumps(forged)).hexdigest()}
        await connection.execute(sa.update(table).where(table.c.seq == 3).values(values))
    checked = await _verify(database)
    assert checked.broken_seq == 4
    assert "does not follow" in checked.reason


async def test_a_removed_row_is_found(database, clock):
    await _fill(database, clock)
    async with database.write() as connection:
        await connection.execute(sa.delete(table).where(table.c.seq == 2))
    checked = await _verify(database)
    assert checked.broken_seq == 2
    assert "missing" in checked.reason


async def test_swapped_rows_are_found(database, clock):
    await _fill(database, clock)
    async with database.write() as connection:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            await connection.execute(sa.update(table).where(table.c.seq == old).values(seq=new))
    assert (await _verify(database)).broken_seq == 2


async def test_an_exported_head_shows_a_cut_tail_and_a_log_written_anew(database, clock):
    await _fill(database, clock)
    known = (await _verify(database)).head
    assert (await _verify(database, known)).is_whole
    async with database.write() as connection:
        await connection.execute(sa.delete(table).where(table.c.seq > 3))
    assert (await _verify(database)).is_whole
    assert (await _verify(database, known)).broken_seq == 4
    await _fill(database, clock, 2)
    assert (await _verify(database)).is_whole
    assert (await _verify(database, known)).broken_seq == 5


async def test_a_rolled_back_change_leaves_no_row(database, clock):
    async def change(connection):
        await audit.append(connection, "ann", "thing.done", "thing", {}, clock())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.transact(change)
    assert (await _verify(database)).rows == 0


async def test_a_detail_that_is_not_json_is_refused(database, clock):
    async with database.write() as connection:
        with pytest.raises(InvalidInputError, match="must be JSON"):
            await audit.append(connection, "ann", "thing.done", "thing", {"x": float("nan")}, clock())


async def _append_at_once(url, clock):
    databases = [Database(url) for _ in range(3)]

    async def append(database, number):
        await database.transact(
            lambda connection: audit.append(connection, "ann", "thing.done", str(number), {}, clock())
        )

    await asyncio.gather(*(append(databases[number % 3], number) for number in range(18)))
    checked = await _verify(databases[0])
    assert (checked.is_whole, checked.rows) == (True, 18)
    for database in databases:
        await database.close()


async def test_writers_at_once_make_one_chain(database, clock):
    await _append_at_once(database.url, clock)


@pytest.mark.postgres
async def test_writers_at_once_make_one_chain_on_postgresql(postgres_url, clock):
    database = Database(postgres_url)
    await migrate(database, "state")
    await database.close()
    await _append_at_once(postgres_url, clock)
