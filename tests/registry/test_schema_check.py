import sys

import pytest

from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate, revision_of
from tidegate.registry.schema_check import bring_to_head, newest_revision


@pytest.mark.parametrize("part", ["state", "observations"])
async def test_an_empty_database_is_brought_to_the_newest_revision(tmp_path, part):
    database = Database(f"sqlite:///{tmp_path}/{part}.db")
    assert await bring_to_head(database, part) == newest_revision(part)
    assert await revision_of(database, part) == newest_revision(part)
    await database.close()


async def test_the_newest_revision_is_the_one_that_alembic_finds(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/state.db")
    assert await migrate(database, "state") == newest_revision("state")
    await database.close()


async def test_a_database_at_the_newest_revision_needs_no_alembic(tmp_path, monkeypatch):
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await migrate(database, "state")
    monkeypatch.setitem(sys.modules, "tidegate.registry.migrate", None)  # importing it would raise
    assert await bring_to_head(database, "state") == newest_revision("state")
    await database.close()
