"""The migrated schema is the one the code works with, on both engines."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from tidegate.errors import OperatorError
from tidegate.registry import schema
from tidegate.registry.database import Database, observations_url
from tidegate.registry.migrate import migrate, revision_of, version_table
from tidegate.registry.schema_check import bring_to_head, newest_revision

PARTS = {"state": schema.state, "observations": schema.observations}


@pytest.fixture(params=PARTS)
def part(request):
    return request.param


async def _differences(database, part):
    def compare(connection):
        own = set(PARTS[part].tables)
        options = {
            "version_table": version_table(part),
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda _object, name, kind, _reflected, _to: kind != "table" or name in own,
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), PARTS[part])

    async with database.read() as connection:
        return await connection.run_sync(compare)


async def test_migrated_sqlite_equals_the_schema(tmp_path, part):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    await migrate(database, part)
    assert await _differences(database, part) == []
    await database.close()


async def test_partial_indexes_and_foreign_keys_of_sqlite_equal_those_of_the_schema(tmp_path, part):
    async def definitions(database):
        async with database.read() as connection:
            query = sa.text("select name, sql from sqlite_master where type = 'index' and sql is not null")
            indexes = {name: sql.replace("!=", "<>") for name, sql in (await connection.execute(query)).all()}
            keys = {}
            for table in PARTS[part].tables:
                rows = (await connection.execute(sa.text(f"pragma foreign_key_list('{table}')"))).all()
                keys[table] = sorted((row[2], row[3], row[4]) for row in rows)
        return indexes, keys

    migrated, created = (Database(f"sqlite:///{tmp_path}/{name}.db") for name in ("migrated", "created"))
    await migrate(migrated, part)
    async with created.write() as connection:
        await connection.run_sync(PARTS[part].create_all)
    assert await definitions(migrated) == await definitions(created)
    for database in (migrated, created):
        await database.close()


async def test_migrating_again_changes_nothing(tmp_path, part):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    assert await revision_of(database, part) is None
    first = await migrate(database, part)
    assert await migrate(database, part) == first == await revision_of(database, part)
    await database.close()


async def test_processes_that_migrate_at_once_agree(tmp_path, part):
    databases = [Database(f"sqlite:///{tmp_path}/t.db") for _ in range(4)]
    revisions = await asyncio.gather(*(migrate(database, part) for database in databases))
    assert len(set(revisions)) == 1
    assert await _differences(databases[0], part) == []
    for database in databases:
        await database.close()


async def test_a_database_at_an_unknown_revision_is_refused_with_both_revisions(tmp_path, part):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    await migrate(database, part)
    async with database.write() as connection:
        await connection.execute(sa.text(f"update {version_table(part)} set version_num = 'from_the_future'"))
    known = f"it is at revision 'from_the_future', which this build does not know; it knows '{newest_revision(part)}'"
    with pytest.raises(OperatorError, match=known) as raised:
        await bring_to_head(database, part)
    assert raised.value.code == "other_build"
    assert raised.value.where == f"sqlite:///{tmp_path}/t.db"
    await database.close()


async def test_a_failed_migration_leaves_nothing(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    async with database.write() as connection:
        await connection.execute(sa.text("create table releases (id text)"))
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        await migrate(database, "state")
    async with database.read() as connection:
        names = (await connection.execute(sa.text("select name from sqlite_master where type = 'table'"))).scalars()
        assert list(names) == ["releases"]
    await database.close()


async def test_both_parts_live_in_one_database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    for part in PARTS:
        await migrate(database, part)
    for part in PARTS:
        assert await _differences(database, part) == []
    await database.close()


def test_observations_of_sqlite_have_their_own_file():
    assert observations_url("sqlite:///data/t.db") == "sqlite:///data/t-observations.db"
    assert observations_url("postgresql://h/d") == "postgresql://h/d"


@pytest.mark.postgres
async def test_migrated_postgresql_equals_the_schema(postgres_url):
    database = Database(postgres_url)
    for part in PARTS:
        await asyncio.gather(migrate(database, part), migrate(database, part))
        assert await _differences(database, part) == []
    await database.close()
