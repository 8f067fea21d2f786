from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tidegate.registry import cluster, schema
from tidegate.registry.cluster import ClusterRow, StaleLeaderError
from tidegate.registry.database import Database

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
LEASE = timedelta(seconds=10)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/state.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.state.create_all)
    yield made
    await made.close()


async def lead(database: Database, leader: str, now: datetime = NOW, **options) -> ClusterRow | None:
    return await database.transact(lambda connection: cluster.lead(connection, leader, now, LEASE, **options))


async def test_the_first_leader_makes_the_row_with_a_key_of_its_own(database):
    row = await lead(database, "a")
    assert row is not None
    assert (row.epoch, row.revision, row.leader) == (1, 1, "a")
    assert len(bytes.fromhex(row.mac_key)) == 32


async def test_nobody_takes_over_while_the_lease_runs(database):
    await lead(database, "a")
    assert await lead(database, "b", NOW + LEASE - timedelta(seconds=1)) is None


async def test_renewing_keeps_epoch_and_revision_and_moves_the_lease(database):
    first = await lead(database, "a")
    later = await lead(database, "a", NOW + timedelta(seconds=5))
    assert later == msgspec.structs.replace(first, lease_until=NOW + timedelta(seconds=15))


async def test_taking_over_raises_epoch_and_revision_and_keeps_the_key(database):
    first = await lead(database, "a")
    second = await lead(database, "b", NOW + LEASE)
    assert (second.epoch, second.revision, second.mac_key) == (2, 2, first.mac_key)


async def test_an_old_leader_is_fenced(database):
    await lead(database, "a")
    await lead(database, "b", is_forced=True)
    with pytest.raises(StaleLeaderError, match="now b leads with epoch 2"):
        await database.transact(lambda connection: cluster.fence(connection, "a", 1))


async def test_the_same_name_with_an_old_epoch_is_fenced_too(database):
    await lead(database, "a")
    await lead(database, "a", is_forced=True)
    with pytest.raises(StaleLeaderError):
        await database.transact(lambda connection: cluster.fence(connection, "a", 1))


async def test_a_leader_that_resigns_leaves_the_lease_free(database):
    await lead(database, "a")
    await database.transact(lambda connection: cluster.resign(connection, "a", NOW))
    assert (await lead(database, "b")).leader == "b"


async def test_only_the_leader_can_resign(database):
    await lead(database, "a")
    await database.transact(lambda connection: cluster.resign(connection, "b", NOW))
    assert await lead(database, "b") is None


async def test_a_restored_database_rises_above_what_gateways_remember(database):
    row = await lead(database, "a")
    remembered = msgspec.structs.replace(row, epoch=40, revision=900)
    raised = await lead(database, "a", above=remembered)
    assert (raised.epoch, raised.revision) == (41, 901)


async def test_revisions_rise_by_one(database):
    await lead(database, "a")
    assert [await database.transact(cluster.bump_revision) for _ in range(3)] == [2, 3, 4]
