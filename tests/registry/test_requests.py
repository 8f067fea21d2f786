"""Looking for requests: the right ones, newest first, page by page, a bounded amount of work each."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.fakes.observations import batch, observation

from tidegate.delivery.records import FeedbackRecord
from tidegate.errors import InvalidInputError
from tidegate.registry import observations, schema
from tidegate.registry import requests as module
from tidegate.registry.database import Database
from tidegate.registry.feedback.attributing import attribute
from tidegate.registry.feedback.keeping import keep_feedback, pending
from tidegate.registry.observations import Counts
from tidegate.registry.requests import RequestFilter, find_requests, latest_of_units, of_requests

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def at(seconds: float) -> int:
    return int((NOW + timedelta(seconds=seconds)).timestamp() * 1_000_000)


async def store(database: Database, rows, sequence: int = 1) -> None:
    async with database.write() as connection:
        await observations.store_batch(connection, batch(rows, sequence), rows, NOW)


async def find(database: Database, *, after=None, limit=50, **wanted) -> module.RequestPage:
    async with database.read() as connection:
        return await find_requests(connection, RequestFilter(**wanted), after=after, limit=limit)


async def every(database: Database, limit: int, **wanted) -> list[str]:
    """All pages, to the end."""
    found, cursor = [], None
    while True:
        page = await find(database, after=cursor, limit=limit, **wanted)
        assert len(page.rows) <= limit
        found += [row.observation.request_id for row in page.rows]
        cursor = page.next
        if cursor is None:
            return found


async def test_a_request_is_found_whole_by_its_id(database):
    wanted = observation(request_id="req_x", model="gpt-é", finish_reason='"stop"')
    await store(database, [observation(), wanted])
    async with database.read() as connection:
        found = await of_requests(connection, ["req_x", "req_unknown"])
    assert {key: value.observation for key, value in found.items()} == {"req_x": wanted}


@pytest.mark.parametrize("service", [None, "bot"])
async def test_pages_continue_where_the_last_one_ended_though_rows_arrive(database, service):
    rows = [observation(request_id=f"req_{n}", started_at_us=at(n)) for n in range(7)]
    await store(database, rows)
    first = await find(database, service=service, limit=3)
    await store(database, [observation(request_id="late", started_at_us=at(99))], sequence=2)
    second = await find(database, service=service, limit=3, after=first.next)
    third = await find(database, service=service, limit=3, after=second.next)
    seen = [row.observation.request_id for page in (first, second, third) for row in page.rows]
    assert seen == [f"req_{n}" for n in reversed(range(7))]
    assert third.next is None


async def test_requests_of_one_microsecond_are_neither_lost_nor_shown_twice(database):
    await store(database, [observation(request_id=f"req_{n}", started_at_us=at(0), unit_hash=9 - n) for n in range(9)])
    for service in (None, "bot"):
        assert await every(database, 2, service=service) == [f"req_{n}" for n in reversed(range(9))]


def some_requests(count: int) -> list:
    chance = random.Random(11)
    return [
        observation(
            request_id=f"req_{n}",
            started_at_us=at(n),
            service=chance.choice(["bot", "shop"]),
            release=chance.choice(["", "rel_1", "rel_2"]),
            variant=chance.choice(["stable", "candidate"]),
            version=chance.choice(["bot/v1", "bot/v2"]),
            outcome=chance.choice(["ok", "ok", "ok", "timeout", "filtered"]),
            duration_us=chance.choice([100_000, 5_000_000, 20_000_000]),
            cost_nano_usd=chance.choice([-1, 1_000, 50_000_000, 200_000_000]),
        )
        for n in range(count)
    ]


QUESTIONS = [
    ({}, lambda row: True),
    ({"service": "shop"}, lambda row: row.service == "shop"),
    ({"services": ("shop", "other")}, lambda row: row.service == "shop"),
    ({"release": "rel_1"}, lambda row: row.release == "rel_1"),
    ({"version": "bot/v2"}, lambda row: row.version == "bot/v2"),
    ({"variant": "candidate", "service": "bot"}, lambda row: (row.variant, row.service) == ("candidate", "bot")),
    ({"outcome": "ok"}, lambda row: row.outcome == "ok"),
    ({"outcome": "timeout"}, lambda row: row.outcome == "timeout"),
    ({"outcome": "timeout", "service": "bot"}, lambda row: (row.outcome, row.service) == ("timeout", "bot")),
    ({"is_filtered": True}, lambda row: row.outcome == "filtered"),
    ({"slower_than_us": 3_000_000}, lambda row: row.duration_us >= 3_000_000),
    ({"slower_than_us": 15_000_000}, lambda row: row.duration_us >= 15_000_000),
    ({"costlier_than_nano": 10_000_000}, lambda row: row.cost_nano_usd >= 10_000_000),
    ({"costlier_than_nano": 150_000_000, "release": "rel_2"}, lambda row: row.cost_nano_usd >= 150_000_000 and row.release == "rel_2"),
    ({"since_us": at(50), "until_us": at(60)}, lambda row: at(50) <= row.started_at_us < at(60)),
    ({"since_us": at(50), "service": "bot", "outcome": "ok"}, lambda row: row.started_at_us >= at(50) and row.service == "bot" and row.outcome == "ok"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "holds"), QUESTIONS, ids=lambda part: str(part)[:60] if isinstance(part, dict) else ""
)
@pytest.mark.parametrize("scanned", [10_000, 7])
async def test_every_request_that_matches_is_found_once_newest_first(database, monkeypatch, wanted, holds, scanned):
    monkeypatch.setattr(module, "MOST_SCANNED", scanned)
    rows = some_requests(150)
    await store(database, rows)
    expected = [row.request_id for row in reversed(rows) if holds(row)]
    assert await every(database, 4, **wanted) == expected


async def test_a_search_for_what_is_rare_stops_and_says_how_far_it_came(database, monkeypatch):
    monkeypatch.setattr(module, "MOST_SCANNED", 10)
    rows = [
        observation(request_id=f"req_{n}", started_at_us=at(n), version="old" if n == 3 else "new") for n in range(30)
    ]
    await store(database, rows)
    first = await find(database, version="old")
    assert (first.rows, first.next is not None) == ([], True)
    assert await every(database, 5, version="old") == ["req_3"]


async def test_what_somebody_spoke_of_is_found(database):
    await store(database, [observation(request_id=f"req_{n}", started_at_us=at(n)) for n in range(5)])
    async with database.write() as connection:
        for n, name in ((1, "rating"), (3, "thumbs_up")):
            said = FeedbackRecord(at_us=at(9), key="", name=name, value=True, request_id=f"req_{n}")
            await keep_feedback(connection, [said])
        for said in await pending(connection, received_after_us=0, limit=9):
            found = (await of_requests(connection, [said.request_id]))[said.request_id]
            await attribute(connection, said, found.observation, Counts(found.counted))
    assert await every(database, 1, is_rated=True) == ["req_3", "req_1"]
    assert await every(database, 1, feedback_name="rating") == ["req_1"]
    assert await every(database, 1, feedback_name="rating", service="shop") == []


@pytest.mark.parametrize("cursor", ["1; drop table requests", "-", "1-", "-1", "1-x", "9" * 50 + "-1"])
async def test_a_made_up_cursor_is_refused(database, cursor):
    with pytest.raises(InvalidInputError, match="cursor"):
        await find(database, after=cursor)


async def test_the_latest_requests_of_units_are_looked_for_among_the_newest_of_the_service(database):
    rows = [observation(request_id=f"req_{n}", started_at_us=at(n), unit_hash=2**64 - 1 - n % 3) for n in range(12)]
    rows.append(observation(request_id="elsewhere", started_at_us=at(20), service="shop", unit_hash=2**64 - 1))
    await store(database, rows)
    async with database.read() as connection:
        found = await latest_of_units(
            connection,
            "bot",
            {2**64 - 1, 2**64 - 2},
            started_after_us=at(0),
            started_before_us=at(8),
            among=4,
        )
    ids = {unit: [row.observation.request_id for row in rows] for unit, rows in found.items()}
    assert ids == {2**64 - 1: ["req_6"], 2**64 - 2: ["req_7"]}


async def plan_of(database: Database, **wanted) -> str:
    """How SQLite looks for the driving rows."""
    driving, _ = module._split(RequestFilter(**wanted))
    newest = (
        sa.select(schema.requests.c.id).where(*driving).order_by(*(each.desc() for each in module._POSITION)).limit(9)
    )
    text = str(newest.compile(database.engine.sync_engine, compile_kwargs={"literal_binds": True}))
    async with database.read() as connection:
        return " ".join(row[-1] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "requests_by_time"),
        ({"service": "bot"}, "requests_by_service_time"),
        ({"release": "rel_1", "service": "bot"}, "requests_of_releases"),
        ({"outcome": "timeout"}, "requests_that_failed"),
        ({"slower_than_us": module.SLOW_US}, "slow_requests"),
        ({"costlier_than_nano": module.COSTLY_NANO_USD}, "costly_requests"),
        ({"is_rated": True}, "rated_requests"),
    ],
)
async def test_each_search_is_driven_by_its_index_and_sorts_no_more_than_ties(database, wanted, index):
    plan = await plan_of(database, **wanted)
    assert index in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan
