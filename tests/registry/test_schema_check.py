import sqlite3
import sys

import pytest
import sqlalchemy as sa

from tidegate.errors import OperatorError
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


CHANGES = {
    "ALTER TABLE outbox DROP COLUMN error": r"'state_0001' as this build is, and yet outbox\.error is missing in it",
    "DROP TABLE outbox": r"'state_0001' as this build is, and yet outbox\.id is missing in it \(and \d+ more\)",
    "ALTER TABLE audit RENAME COLUMN actor TO who": r"and yet audit\.actor is missing in it \(and 1 more\)",
}
DEMANDING = {"ALTER TABLE audit ADD COLUMN weight INTEGER NOT NULL": r"and yet audit\.weight demands a value"}


@pytest.mark.parametrize(("change", "difference"), CHANGES.items())
async def test_tables_of_another_build_at_the_same_revision_are_refused_by_name(tmp_path, change, difference):
    await _refuses(Database(f"sqlite:///{tmp_path}/state.db"), change, difference)


@pytest.mark.postgres
@pytest.mark.parametrize(("change", "difference"), [*CHANGES.items(), *DEMANDING.items()])
async def test_tables_of_another_build_are_refused_in_postgresql_too(postgres_url, change, difference):
    await _refuses(Database(postgres_url), change, difference)


async def test_a_column_that_does_without_us_is_let_be(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await bring_to_head(database, "state")
    async with database.write() as connection:
        await connection.execute(sa.text("ALTER TABLE audit ADD COLUMN ticket TEXT"))
        await connection.execute(sa.text("ALTER TABLE audit ADD COLUMN weight INTEGER NOT NULL DEFAULT 0"))
    assert await bring_to_head(database, "state") == newest_revision("state")
    await database.close()


async def test_what_is_no_database_of_ours_is_named_and_left_alone(tmp_path):
    (tmp_path / "noise.db").write_bytes(b"no database at all" * 1000)
    with sqlite3.connect(tmp_path / "others.db") as others:
        others.execute("CREATE TABLE audit (mine TEXT)")
    for name, reason in {"noise.db": "file is not a database", "others.db": "table audit already exists"}.items():
        database = Database(f"sqlite:///{tmp_path}/{name}")
        with pytest.raises(OperatorError, match=f"cannot be brought to revision .*: .*{reason}") as raised:
            await bring_to_head(database, "state")
        assert (raised.value.code, raised.value.where) == ("storage_failed", f"sqlite:///{tmp_path}/{name}")
        await database.close()
    others.close()


async def test_a_database_that_cannot_be_reached_is_named_without_its_password():
    database = Database("postgresql://ann:s3cret@127.0.0.1:1/tide")
    with pytest.raises(OperatorError, match="cannot be brought to revision") as raised:
        await bring_to_head(database, "state")
    assert raised.value.where == "postgresql://ann:***@127.0.0.1:1/tide"
    assert "s3cret" not in str(raised.value)
    await database.close()


async def _refuses(database, change, difference):
    await bring_to_head(database, "state")
    await bring_to_head(database, "state")  # what it made itself it takes
    async with database.write() as connection:
        await connection.execute(sa.text(change))
    with pytest.raises(OperatorError, match=difference) as raised:
        await bring_to_head(database, "state")
    assert raised.value.code == "other_build"
    assert "restore a backup" in raised.value.remedy
    await database.close()
