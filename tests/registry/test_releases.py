from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa

from tidegate.delivery.intents import Abort, Approve, Promote
from tidegate.delivery.release import Phase, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.errors import NotFoundError
from tidegate.registry import releases, schema
from tidegate.registry.database import Database
from tidegate.registry.instants import to_text
from tidegate.registry.releases import ReleaseChangedError, ReleaseRow

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
SPEC = parse_release({"kind": "Release", "service": "bot", "version": "v1.1.0", "strategy": "direct"})


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/state.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.state.create_all)
        await connection.execute(
            sa.insert(schema.services).values(name="bot", spec="{}", salt="s", created_at=to_text(NOW), version=1)
        )
        for minor in range(4):
            await connection.execute(
                sa.insert(schema.versions).values(
                    ref=f"bot/v1.{minor}.0",
                    service="bot",
                    major=1,
                    minor=minor,
                    patch=0,
                    digest=str(minor),
                    manifest="[]",
                    bundle="{}",
                    lineage="{}",
                    created_at=to_text(NOW),
                    created_by="test",
                )
            )
    yield made
    await made.close()


async def insert(database: Database, name: str, candidate: str = "bot/v1.1.0") -> ReleaseRow:
    state = new_release(release_id=name, service="bot", candidate=candidate, stable="bot/v1.0.0", now=NOW)
    async with database.write() as connection:
        return await releases.insert_release(connection, spec=SPEC, state=state, actor="alice", reason="why not")


async def move(database: Database, row: ReleaseRow, phase: Phase, **fields) -> ReleaseRow:
    async with database.write() as connection:
        state = msgspec.structs.replace(row.state, phase=phase, **fields)
        return await releases.save_state(connection, row, state)


async def test_a_release_is_read_as_it_was_written(database):
    row = await insert(database, "rel_1")
    async with database.read() as connection:
        assert await releases.read_release(connection, "rel_1") == row
        with pytest.raises(NotFoundError, match="rel_2"):
            await releases.read_release(connection, "rel_2")


async def test_the_second_of_two_writers_changes_nothing(database):
    row = await insert(database, "rel_1")
    first = await move(database, row, Phase.GATING)
    assert first.version == row.version + 1
    with pytest.raises(ReleaseChangedError):
        await move(database, row, Phase.REJECTED)
    async with database.read() as connection:
        assert (await releases.read_release(connection, "rel_1")).phase is Phase.GATING


async def test_evidence_keeps_the_version_and_loses_against_a_move(database):
    row = await insert(database, "rel_1")
    async with database.write() as connection:
        touched = await releases.touch_state(connection, row, msgspec.structs.replace(row.state, samples=5))
    assert (touched.version, touched.state.samples) == (row.version, 5)
    await move(database, touched, Phase.GATING)
    async with database.write() as connection:
        assert await releases.touch_state(connection, touched, row.state) is None


async def test_the_database_itself_holds_one_running_release_for_each_service(database):
    first, second = await insert(database, "rel_1"), await insert(database, "rel_2")
    await move(database, first, Phase.GATING)
    with pytest.raises(sa.exc.IntegrityError):
        await move(database, second, Phase.GATING)


async def test_active_are_the_unfinished_and_the_ended_that_are_asked_for_something(database):
    first = await insert(database, "rel_1")
    ended = await move(database, first, Phase.REJECTED, ended_at=NOW)
    await insert(database, "rel_2")
    async with database.write() as connection:
        assert [row.id for row in await releases.active_releases(connection)] == ["rel_2"]
        await releases.add_intent(connection, ended.id, "retry", actor="alice", reason="again", now=NOW, detail={})
        assert [row.id for row in await releases.active_releases(connection)] == ["rel_1", "rel_2"]
        assert [row.id for row in await releases.unfinished_of(connection, "bot")] == ["rel_2"]
        assert (await releases.read_release(connection, "rel_1")).ended_at == NOW


async def test_intents_come_back_whole_in_the_order_of_acceptance_until_consumed(database):
    await insert(database, "rel_1")
    async with database.write() as connection:
        for kind, detail in (("promote", {"full": True}), ("abort", {}), ("approve", {"roles": ["approver"]})):
            await releases.add_intent(
                connection, "rel_1", kind, actor="alice", reason="because", now=NOW, detail=detail
            )
        promote, abort, approve = (await releases.open_intents(connection, ["rel_1", "rel_x"]))["rel_1"]
        assert (type(promote), type(abort), type(approve)) == (Promote, Abort, Approve)
        assert promote.full
        assert approve.roles == ("approver",)
        assert (abort.actor, abort.reason, abort.accepted_at) == ("alice", "because", NOW)
        await releases.consume_intents(connection, [promote.id, abort.id], NOW)
        assert (await releases.open_intents(connection, ["rel_1"]))["rel_1"] == [approve]


async def test_listings_are_newest_first_and_paged(database):
    for number in range(4):
        row = await insert(database, f"rel_{number}", f"bot/v1.{number}.0")
        await move(database, row, Phase.SUCCEEDED, ended_at=NOW + timedelta(seconds=number))
    async with database.read() as connection:
        page = await releases.list_releases(connection, service="bot", limit=3)
        rest = await releases.list_releases(connection, service="bot", before=page[-1].id)
        (one,) = await releases.list_releases(connection, candidate="bot/v1.2.0")
    assert [row.id for row in page + rest] == ["rel_3", "rel_2", "rel_1", "rel_0"]
    assert one.id == "rel_2"
