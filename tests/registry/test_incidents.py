from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.delivery.release import Moment
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.registry import incidents, schema
from tidegate.registry.database import Database

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/state.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.state.create_all)
    yield made
    await made.close()


async def open_one(connection, release="rel_1", attempt=1, service="bot", now=NOW, exposed=7):
    return await incidents.open_incident(
        connection,
        service=service,
        release=release,
        attempt=attempt,
        trigger="hard_limit",
        summary="error_rate broke its hard limit",
        evidence={"error_rate": 0.4},
        exposed_requests=exposed,
        exposed_units=exposed,
        now=now,
    )


async def close(connection, identifier, seconds, exposed):
    at = NOW + timedelta(seconds=seconds)
    timeline = (Moment(code="breach", at=at, sentence="It broke."),)
    await incidents.close_incident(
        connection, identifier, now=at, exposed_requests=exposed, exposed_units=exposed, timeline=timeline
    )


async def test_an_attempt_has_one_incident_and_its_evidence_stays(database):
    async with database.write() as connection:
        first = await open_one(connection)
        second = await open_one(connection, exposed=99)
    assert first == second
    async with database.read() as connection:
        assert await incidents.read_incident(connection, first.id) == first


async def test_another_attempt_has_its_own(database):
    async with database.write() as connection:
        first = await open_one(connection, attempt=1)
        second = await open_one(connection, attempt=2)
    assert first.id != second.id


async def test_time_to_stable_is_the_first_acknowledged_one_and_closing_is_final(database):
    async with database.write() as connection:
        opened = await open_one(connection)
        await incidents.record_time_to_stable(connection, opened.id, 1.5)
        await incidents.record_time_to_stable(connection, opened.id, 9.0)
        await close(connection, opened.id, 5, 8)
        await close(connection, opened.id, 50, 800)
        found = await incidents.read_incident(connection, opened.id)
    assert (found.time_to_stable_seconds, found.closed_at, found.exposed_requests) == (
        1.5,
        NOW + timedelta(seconds=5),
        8,
    )


async def test_incidents_are_listed_newest_first_in_pages(database):
    async with database.write() as connection:
        made = [await open_one(connection, f"rel_{n}", now=NOW + timedelta(seconds=n)) for n in range(5)]
        await open_one(connection, "other", service="other", now=NOW + timedelta(seconds=9))
        page = await incidents.list_incidents(connection, service="bot", limit=2)
        rest = await incidents.list_incidents(connection, service="bot", before=page[-1].id)
    assert page + rest == made[::-1]


async def test_an_unknown_incident_is_named(database):
    async with database.read() as connection:
        with pytest.raises(NotFoundError, match="inc_nope"):
            await incidents.read_incident(connection, "inc_nope")


async def test_notes_are_added_and_the_way_back_is_kept(database):
    async with database.write() as connection:
        opened = await open_one(connection)
        await incidents.add_note(connection, opened.id, incidents.Note(at=NOW, actor="ann", text="The quota."))
        await incidents.add_note(connection, opened.id, incidents.Note(at=NOW, actor="bob", text="Raised now."))
        await close(connection, opened.id, 5, 8)
    async with database.read() as connection:
        kept = await incidents.read_incident(connection, opened.id)
    assert [note.text for note in kept.notes] == ["The quota.", "Raised now."]
    assert [moment.code for moment in kept.timeline] == ["breach"]


async def test_a_note_that_says_nothing_is_refused(database):
    async with database.write() as connection:
        opened = await open_one(connection)
        with pytest.raises(InvalidInputError, match="says something"):
            await incidents.add_note(connection, opened.id, incidents.Note(at=NOW, actor="ann", text="  "))
