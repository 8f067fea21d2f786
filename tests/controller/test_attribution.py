"""For whom a verdict counts: the variant that was assigned, in the part of the counts its request is in, once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.observations import batch, observation

from tidegate.controller import attribution as module
from tidegate.controller.attribution import Attribution
from tidegate.controller.clock import ManualClock
from tidegate.controller.ingest import Ingest
from tidegate.controller.record_ingest import RecordIngest
from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.records import FeedbackRecord, RecordBatch, encode_record
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.feedback.reading import list_feedback
from tidegate.registry.feedback.stored import FeedbackStanding, StoredFeedback
from tidegate.registry.observations import read_counts

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
BEGAN = int(NOW.timestamp() * 1_000_000)
KEY = ("rel_1", 1, 0, 0, "candidate")


class World:
    """Ingest, records and attribution over one database, and the numbers of their batches."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(NOW)
        self.restart()
        self.sequence = 0

    def restart(self) -> None:
        """Everything that control keeps in memory is gone."""
        self.ingest = Ingest(self.database, self.clock, is_sample=lambda row: row.started_at_us >= BEGAN)
        self.records = RecordIngest(self.database, self.clock)
        self.attribution = Attribution(self.database, self.clock)

    async def observe(self, *rows) -> None:
        self.sequence += 1
        await self.ingest.store(batch(list(rows), self.sequence, "observations"))

    async def say(self, *said: FeedbackRecord) -> None:
        self.sequence += 1
        await self.records.store(RecordBatch.of("g", "records", self.sequence, map(encode_record, said)))

    async def settle(self) -> int:
        return await self.attribution.attribute()

    async def feedback(self) -> list[StoredFeedback]:
        async with self.database.read() as connection:
            return await list_feedback(connection)

    async def opinions(self, part: str = "window", name: str = "rating", key=KEY) -> Opinions:
        async with self.database.read() as connection:
            counted = (await read_counts(connection, [key[0]]))[key[0]]
        return getattr(counted[key], part).opinions.get(name, Opinions()) if key in counted else Opinions()


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield World(made)
    await made.close()


def request(number: int = 1, **fields):
    return observation(
        **(
            {
                "request_id": f"req_{number}",
                "release": "rel_1",
                "variant": "candidate",
                "version": "bot/v2",
                "served": "candidate",
                "served_version": "bot/v2",
                "unit_hash": 2**64 - number,
                "propensity": 500,
                "started_at_us": BEGAN + number,
            }
            | fields
        )
    )


def verdict(value, number: int = 1, **fields) -> FeedbackRecord:
    plain = {"at_us": BEGAN + 1_000, "key": "shop", "name": "rating", "request_id": f"req_{number}"}
    return FeedbackRecord(value=value, **(plain | fields))


async def test_it_counts_for_the_variant_assigned_even_when_another_one_answered(world):
    await world.observe(request(served="stable", served_version="bot/v1"))
    await world.say(verdict(4.5))
    assert await world.settle() == 1
    (said,) = await world.feedback()
    assert (said.standing, said.variant, said.version) == (FeedbackStanding.COUNTED, "candidate", "bot/v2")
    assert (said.served, said.served_version, said.service) == ("stable", "bot/v1", "bot")
    assert await world.opinions() == await world.opinions("compared") == Opinions.of(4.5)


async def test_it_waits_for_its_observation_and_counts_when_that_comes_even_after_a_restart(world):
    await world.say(verdict(True))
    assert await world.settle() == 0
    assert [said.standing for said in await world.feedback()] == [FeedbackStanding.PENDING]
    world.restart()
    await world.observe(request())
    assert await world.settle() == 1
    assert await world.opinions() == Opinions(yes=1)


async def test_said_days_later_it_still_counts_for_the_step_of_its_request(world):
    await world.observe(request(step=2), request(2, step=3))
    world.restart()
    world.clock.advance(timedelta(days=5))
    await world.say(verdict(False, at_us=int(world.clock.now().timestamp() * 1e6)))
    await world.settle()
    assert await world.opinions(key=("rel_1", 1, 2, 0, "candidate")) == Opinions(no=1)


async def test_a_request_from_before_the_window_counts_apart_and_compares_nothing(world):
    await world.observe(request(started_at_us=BEGAN - 1))
    await world.say(verdict(1))
    await world.settle()
    assert await world.opinions("early") == Opinions.of(1)
    assert await world.opinions("window") == await world.opinions("compared") == Opinions()


@pytest.mark.parametrize("fields", [{"release": ""}, {"propensity": 0}])
async def test_outside_releases_and_of_forced_requests_it_is_kept_and_counted_nowhere(world, fields):
    await world.observe(request(**fields))
    await world.say(verdict(1))
    await world.settle()
    assert [(said.standing, said.version) for said in await world.feedback()] == [
        (FeedbackStanding.UNCOUNTED, "bot/v2")
    ]
    assert await world.opinions() == Opinions()


async def test_words_alone_count_nothing(world):
    await world.observe(request())
    await world.say(verdict(None, comment="rude"))
    await world.settle()
    assert [(said.standing, said.comment) for said in await world.feedback()] == [(FeedbackStanding.UNCOUNTED, "rude")]


async def test_the_latest_verdict_takes_the_place_of_the_one_before_in_the_counts_too(world):
    await world.observe(request())
    await world.say(verdict(1))
    await world.settle()
    await world.say(verdict(5, at_us=BEGAN + 2_000))
    await world.settle()
    assert await world.opinions() == await world.opinions("compared") == Opinions.of(5)
    await world.say(verdict(3, at_us=BEGAN + 1_500))  # it was said before the 5, and arrives after it
    await world.settle()
    assert await world.opinions() == Opinions.of(5)
    assert len(await world.feedback()) == 1


async def test_arms_are_compared_by_the_first_verdict_of_each_unit(world):
    await world.observe(*(request(number, unit_hash=7) for number in (1, 2)), request(3))
    await world.say(verdict(True, 1), verdict(True, 2), verdict(False, 3), verdict(True, 2, name="converted"))
    await world.settle()
    assert await world.opinions("window") == Opinions(yes=2, no=1)
    assert await world.opinions("compared") == Opinions(yes=1, no=1)
    assert await world.opinions("compared", "converted") == Opinions(yes=1)


async def test_which_verdict_of_a_unit_is_the_first_does_not_depend_on_which_came_first(world):
    await world.observe(*(request(number, unit_hash=7) for number in (1, 2)))
    for number, value, at_us in ((2, False, BEGAN + 2_000), (1, True, BEGAN + 1_000)):
        await world.say(verdict(value, number, at_us=at_us))
        await world.settle()
    assert await world.opinions("window") == Opinions(yes=1, no=1)
    assert await world.opinions("compared") == Opinions(yes=1)


async def test_categories_are_counted_by_name(world):
    await world.observe(*(request(number) for number in (1, 2, 3)))
    await world.say(*(verdict(topic, number, name="topic") for number, topic in enumerate(("a", "b", "a"), 1)))
    await world.settle()
    counted = await world.opinions(name="topic")
    assert (counted.categories, counted.share("a")) == ({"a": 2, "b": 1}, 2 / 3)
    await world.say(verdict("b", 3, name="topic", at_us=BEGAN + 2_000))
    await world.settle()
    assert (await world.opinions(name="topic")).categories == {"a": 1, "b": 2}


def of_unit(value, unit: int, **fields) -> FeedbackRecord:
    return verdict(value, request_id="", service="bot", unit_hash=unit, **fields)


async def test_a_verdict_on_a_unit_is_about_its_latest_request_before_it(world):
    rows = [request(number, unit_hash=9, step=number) for number in (1, 2, 3)]
    await world.observe(*rows, request(4, unit_hash=8))
    await world.say(of_unit(True, 9, at_us=BEGAN + 2))
    await world.settle()
    (said,) = await world.feedback()
    assert (said.request_id, said.step, said.standing) == ("req_2", 2, FeedbackStanding.COUNTED)


async def test_a_unit_that_speaks_twice_of_one_request_counts_once_with_the_latest(world):
    await world.observe(request(1, unit_hash=9))
    await world.say(verdict(2, 1), of_unit(4, 9, at_us=BEGAN + 3_000))
    await world.settle()
    assert await world.opinions() == Opinions.of(4)
    await world.say(of_unit(1, 9, at_us=BEGAN + 2_500))  # said in between
    await world.settle()
    assert await world.opinions() == Opinions.of(4)
    assert len(await world.feedback()) == 1


async def test_a_unit_is_not_looked_for_beyond_its_time(world):
    await world.observe(request(1, unit_hash=9))
    later = NOW + module.UNIT_WINDOW + timedelta(seconds=1)
    world.clock.advance(later - NOW)
    await world.say(of_unit(True, 9, at_us=int(later.timestamp() * 1e6)))
    assert await world.settle() == 0


async def test_a_key_does_not_speak_of_the_answers_of_services_it_does_not_cover(world):
    await world.observe(request())
    await world.say(verdict(1, services=("shop",)), verdict(1, source="own", services=("bot", "shop")))
    await world.settle()
    assert {(said.source, said.standing) for said in await world.feedback()} == {
        ("user", FeedbackStanding.FOREIGN),
        ("own", FeedbackStanding.COUNTED),
    }
    assert await world.opinions() == Opinions.of(1)


async def test_what_never_finds_its_request_is_given_up_in_the_end(world):
    await world.say(verdict(1))
    world.clock.advance(module.PATIENCE + timedelta(seconds=1))
    await world.settle()
    assert [said.standing for said in await world.feedback()] == [FeedbackStanding.UNKNOWN]


async def test_more_than_one_transaction_takes_are_all_attributed(world, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    await world.observe(*(request(number) for number in range(1, 11)))
    await world.say(*(verdict(1, number, at_us=BEGAN + 100 + number) for number in range(1, 11)))
    await world.say(verdict(1, 99, at_us=BEGAN + 1))  # nobody knows this one, and it does not stand in the way
    assert await world.settle() == 10
    assert (await world.opinions()).count == 10


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5), st.booleans()), min_size=1, max_size=12))
def test_counts_are_those_of_the_latest_verdicts_however_often_and_whenever_they_were_settled(tmp_path_factory, steps):
    import asyncio

    async def run() -> None:
        made = Database(f"sqlite:///{tmp_path_factory.mktemp('db')}/o.db", durability="normal")
        async with made.engine.begin() as connection:
            await connection.run_sync(schema.observations.create_all)
        world = World(made)
        await world.observe(*(request(number) for number in range(1, 5)))
        latest = {}
        for moment, (number, value, is_settled) in enumerate(steps):
            await world.say(verdict(value, number, at_us=BEGAN + 100 + moment))
            latest[number] = value
            if is_settled:
                await world.settle()
        await world.settle()
        expected = sum(map(Opinions.of, map(float, latest.values())), Opinions())
        assert await world.opinions() == await world.opinions("compared") == expected
        async with made.read() as connection:
            rated = await connection.scalars(sa.select(schema.requests.c.request_id).where(schema.requests.c.is_rated))
            assert set(rated) == {f"req_{number}" for number in latest}
        await made.close()

    asyncio.run(run())


async def test_a_foreign_key_changes_nothing_of_what_others_said(world):
    await world.observe(request())
    await world.say(verdict(5, services=("bot",)))
    await world.settle()
    await world.say(verdict(1, key="stranger", services=("shop",), at_us=BEGAN + 2_000))
    assert await world.opinions() == await world.opinions("compared") == Opinions.of(5)
    await world.settle()
    assert await world.opinions() == await world.opinions("compared") == Opinions.of(5)
    assert [(said.key, said.standing) for said in await world.feedback()] == [
        ("stranger", FeedbackStanding.FOREIGN),
        ("shop", FeedbackStanding.COUNTED),
    ]


async def test_a_foreign_verdict_does_not_push_aside_one_that_still_waits_for_its_request(world):
    await world.say(verdict(5, services=("bot",)))
    await world.say(verdict(1, key="stranger", services=("shop",), at_us=BEGAN + 2_000))
    await world.observe(request())
    await world.settle()
    assert await world.opinions() == Opinions.of(5)


async def test_of_verdicts_that_wait_only_the_latest_of_a_sender_is_kept(world):
    for value in (1, 2, 3):
        await world.say(verdict(value, at_us=BEGAN + 1_000 * value))
    assert len(await world.feedback()) == 1
    await world.observe(request())
    await world.settle()
    assert await world.opinions() == Opinions.of(3)


async def test_words_that_replace_a_rating_leave_the_comparison_to_the_units_next_one(world):
    await world.observe(*(request(number, unit_hash=7) for number in (1, 2)))
    await world.say(verdict(True, 1), verdict(False, 2, at_us=BEGAN + 1_100))
    await world.settle()
    assert await world.opinions("compared") == Opinions(yes=1)
    await world.say(verdict(None, 1, comment="on second thoughts", at_us=BEGAN + 2_000))
    await world.settle()
    assert await world.opinions("compared") == await world.opinions("window") == Opinions(no=1)
