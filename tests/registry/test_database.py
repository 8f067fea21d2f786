"""Transactions: whole or not at all, repeated when another writer was faster, errors for operators."""

import asyncio
import shutil
import subprocess

import pytest
import sqlalchemy as sa

from tidegate.errors import OperatorError
from tidegate.registry.database import Database, async_url


async def _counter(database):
    async with database.write() as connection:
        await connection.execute(sa.text("create table counter (value integer)"))
        await connection.execute(sa.text("insert into counter values (0)"))


async def _raise_by_one(connection):
    value = (await connection.execute(sa.text("select value from counter"))).scalar_one()
    await asyncio.sleep(0.001)
    await connection.execute(sa.text(f"update counter set value = {value + 1}"))


async def _check_no_update_is_lost(url):
    databases = [Database(url) for _ in range(3)]
    await _counter(databases[0])
    await asyncio.gather(*(databases[number % 3].transact(_raise_by_one) for number in range(12)))
    async with databases[0].read() as connection:
        assert (await connection.execute(sa.text("select value from counter"))).scalar_one() == 12
    for database in databases:
        await database.close()


async def test_no_update_is_lost(tmp_path):
    await _check_no_update_is_lost(f"sqlite:///{tmp_path}/t.db")


@pytest.mark.postgres
async def test_no_update_is_lost_on_postgresql(postgres_url):
    await _check_no_update_is_lost(postgres_url)


@pytest.mark.postgres
async def test_readers_of_postgresql_cannot_write(postgres_url):
    database = Database(postgres_url)
    await _counter(database)
    with pytest.raises(sa.exc.DBAPIError, match="read-only"):
        async with database.read() as connection:
            await _raise_by_one(connection)
    await database.transact(_raise_by_one)
    await database.close()


async def test_what_fails_leaves_nothing(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/t.db")
    await _counter(database)

    async def fails(connection):
        await _raise_by_one(connection)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.transact(fails)
    async with database.read() as connection:
        assert (await connection.execute(sa.text("select value from counter"))).scalar_one() == 0
    await database.close()


async def test_state_survives_a_power_cut_by_its_settings(tmp_path):
    for durability, expected in (("full", 2), ("normal", 1)):
        database = Database(f"sqlite:///{tmp_path}/t.db", durability=durability)
        async with database.read() as connection:
            assert (await connection.execute(sa.text("pragma synchronous"))).scalar_one() == expected
            assert (await connection.execute(sa.text("pragma journal_mode"))).scalar_one() == "wal"
            assert (await connection.execute(sa.text("pragma foreign_keys"))).scalar_one() == 1
        await database.close()


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(OperatorError, match=f"{tmp_path}/none"):
        Database(f"sqlite:///{tmp_path}/none/t.db")


async def test_a_full_disk_is_the_operators_matter(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        database = Database(f"sqlite:///{folder}/t.db")
        await _counter(database)
        with pytest.raises(OperatorError, match="full") as raised:
            await database.transact(
                lambda connection: connection.execute(sa.text("create table t as select zeroblob(3000000) b"))
            )
        assert raised.value.code == "storage_failed"
        await database.transact(_raise_by_one)
        await database.close()
    finally:
        subprocess.run([shutil.which("umount"), str(folder)], check=True)


def test_other_databases_are_refused_by_name():
    with pytest.raises(OperatorError, match="known are postgresql, sqlite"):
        async_url("mysql://h/d")
    with pytest.raises(OperatorError, match="not a database URL"):
        async_url("nonsense")
