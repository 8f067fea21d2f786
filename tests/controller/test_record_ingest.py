from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from tidegate.controller.clock import ManualClock
from tidegate.controller.record_ingest import RecordIngest
from tidegate.delivery.records import ContentRecord, FeedbackRecord, RecordBatch, encode_record
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.wire.prompt_text import Turn

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def batch(sequence: int, *records) -> RecordBatch:
    return RecordBatch.of("g", "boot", sequence, map(encode_record, records))


def verdict(value, *, at_us: int = 1, **more) -> FeedbackRecord:
    return FeedbackRecord(
        **({"at_us": at_us, "key": "k", "name": "stars", "value": value, "request_id": "req_1"} | more)
    )


def content(request_id: str, **more) -> ContentRecord:
    return ContentRecord(
        **(
            {
                "request_id": request_id,
                "at_us": 1_000,
                "service": "bot",
                "version": "v",
                "unit_hash": 2**64 - 1,
                "prompt": (Turn("user", "hello"),),
                "answer": "hi",
                "keep_seconds": 60,
            }
            | more
        )
    )


async def rows(database: Database, table: sa.Table) -> list:
    async with database.read() as connection:
        return list(await connection.execute(sa.select(table).order_by(table.c.id)))


async def test_a_batch_sent_twice_is_stored_once(database):
    told = []
    ingest = RecordIngest(database, ManualClock(NOW), on_stored=told.append)
    sent = batch(1, verdict(3), content("req_1"))
    assert await ingest.store(sent)
    assert not await ingest.store(sent)
    assert [len(each) for each in told] == [2]
    assert (ingest.stored, ingest.repeated_batches, ingest.unknown) == (2, 1, 0)
    assert len(await rows(database, schema.feedback)) == len(await rows(database, schema.content)) == 1


async def test_a_batch_and_its_records_are_stored_together_or_not_at_all(database, monkeypatch):
    ingest = RecordIngest(database, ManualClock(NOW))
    monkeypatch.setattr("tidegate.registry.kept_content._row", lambda record: {"nonsense": 1})
    with pytest.raises(Exception, match=r"nonsense|request_id"):
        await ingest.store(batch(1, verdict(3), content("req_1")))
    monkeypatch.undo()
    assert await rows(database, schema.feedback) == []
    assert await ingest.store(batch(1, verdict(3), content("req_1")))


async def test_records_this_control_cannot_read_are_counted(database):
    ingest = RecordIngest(database, ManualClock(NOW))
    await ingest.store(RecordBatch.of("g", "boot", 1, [b"\x80", encode_record(verdict(1))]))
    assert (ingest.stored, ingest.unknown) == (1, 1)


async def test_the_latest_verdict_of_a_source_stands_whatever_order_they_come_in(database):
    ingest = RecordIngest(database, ManualClock(NOW))
    await ingest.store(batch(1, verdict(3, at_us=5), verdict(1, at_us=4), verdict(5, at_us=4, source="editor")))
    await ingest.store(batch(2, verdict(4, at_us=6), verdict(2, at_us=3)))
    found = {(row.source, row.micro) for row in await rows(database, schema.feedback)}
    assert found == {("user", 4_000_000), ("editor", 5_000_000)}


async def test_an_idempotency_key_counts_once_for_its_sender_even_after_later_verdicts(database):
    ingest = RecordIngest(database, ManualClock(NOW))
    await ingest.store(batch(1, verdict(3, once="a"), verdict(4, at_us=2), verdict(3, at_us=3, once="a")))
    await ingest.store(batch(2, verdict(5, once="a", key="other", source="other")))
    assert [row.micro for row in await rows(database, schema.feedback)] == [4_000_000, 5_000_000]
