"""The ends of a table are found without reading it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.id_range import id_range, id_range_of


@pytest.fixture
async def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


@pytest.mark.parametrize("table", [schema.requests, schema.pairs], ids=lambda table: table.name)
async def test_no_row_between_the_ends_is_read(database, table):
    query = str(id_range_of(table).compile(dialect=database.engine.dialect))
    async with database.read() as connection:
        plan = [row.detail for row in await connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}"))]
    reading = [step for step in plan if table.name in step]
    assert len(reading) == 2
    assert all(step.startswith("SEARCH") for step in reading), plan


async def test_an_empty_table_has_no_ends(database):
    async with database.read() as connection:
        assert await id_range(connection, schema.pairs) is None
