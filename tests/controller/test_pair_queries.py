"""What is told of pairs: totals of each step, pages of single pairs, texts where they were kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.fakes.pairs import pair

from tidegate.cli.views.pairs import pairs_lines
from tidegate.controller.pair_queries import PairQueries
from tidegate.delivery.pairs import copy_id
from tidegate.delivery.records import ContentRecord
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.kept_content import keep_content
from tidegate.registry.pairs import keep_pairs

US = 1_789_473_600_000_000


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def kept(request_id: str, answer: str) -> ContentRecord:
    return ContentRecord(
        request_id=request_id, at_us=US, service="bot", version="v", unit_hash=1, prompt=(), answer=answer
    )


async def fill(database: Database) -> None:
    async with database.write() as connection:
        records = [
            pair({"duration_us": 300_000}, {"duration_us": 100_000}, request_id="req_1", started_at_us=US),
            pair({"outcome": "timeout"}, request_id="req_2", is_exact=None, similarity=None, started_at_us=US),
            pair(request_id="req_3", step=1, is_exact=False, similarity=400_000, started_at_us=US),
        ]
        await keep_pairs(connection, records, lambda _: True)
        await keep_content(connection, [kept("req_1", "yes"), kept(copy_id("req_1"), "no")])


async def test_totals_pairs_and_texts(database):
    await fill(database)
    queries = PairQueries(database)
    found = await queries.pairs("rel_1", limit=2)
    assert [(each.step, each.pairs, each.exact, each.compared) for each in found.totals] == [(0, 2, 1, 1), (1, 1, 0, 1)]
    latency = found.totals[0].quantities["latency"]
    assert (latency.pairs, latency.candidate, latency.stable, latency.change) == (1, 0.3, 0.1, pytest.approx(2.0))
    assert [item.request_id for item in found.items] == ["req_3", "req_2"]
    rest = await queries.pairs("rel_1", limit=2, after=found.next)
    (one,) = rest.items
    assert (one.stable.text, one.candidate.text, one.is_exact, one.similarity) == ("yes", "no", True, 1.0)
    assert rest.next is None
    different = await queries.pairs("rel_1", is_different=True)
    assert [item.request_id for item in different.items] == ["req_3", "req_2"]


async def test_a_release_that_mirrored_nothing_has_no_pairs(database):
    found = await PairQueries(database).pairs("rel_9")
    assert (found.totals, found.items, found.next) == ((), (), None)


async def test_people_read_them_as_lines(database):
    await fill(database)
    found = await PairQueries(database).pairs("rel_1")
    text = "\n".join(line.plain for line in pairs_lines(found.totals, found.items, found.items[0].at))
    for expected in (
        "2 of 2 copies",
        "300 ms against 100 ms of stable (+200.0 %, 1 pairs)",
        "ok / timeout",
        "40 % alike",
    ):
        assert expected in text
    assert "No request of this release" in pairs_lines((), (), found.items[0].at)[0].plain
