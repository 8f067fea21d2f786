from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.release import MetricVerdict, new_release
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.verdicts import (
    MOST_ANALYSES,
    NEWEST_ANALYSES,
    Analysis,
    JudgedMetric,
    add_analyses,
    forget_analyses,
    read_analyses,
    thinned,
)
from tidegate.stats.verdict import Verdict

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
VERDICT = MetricVerdict(
    metric="latency.p95", verdict=Verdict.PASS, code="within", sentence="It is.", limit=2.0, effect_upper=0.1
)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def analysis(second: int = 0, attempt: int = 1) -> Analysis:
    return Analysis(
        release="rel_1",
        attempt=attempt,
        at=NOW + timedelta(seconds=second),
        step=0,
        weight=500,
        metrics=(JudgedMetric.of(VERDICT),),
    )


async def kept(database: Database, attempt: int = 1) -> list[Analysis]:
    async with database.read() as connection:
        return await read_analyses(connection, "rel_1", attempt)


async def test_analyses_come_back_in_order_and_by_attempt(database):
    added = [analysis(2), analysis(1), analysis(3, attempt=2)]
    await database.transact(lambda connection: add_analyses(connection, added))
    await database.transact(lambda connection: add_analyses(connection, added))  # a repetition changes nothing
    assert await kept(database) == [analysis(1), analysis(2)]
    assert await kept(database, attempt=2) == [analysis(3, attempt=2)]
    assert (await kept(database))[0].metrics[0].effect_upper == 0.1


async def test_a_long_release_keeps_its_first_and_its_newest_analyses(database):
    for first in range(0, 1000, 50):
        part = [analysis(second) for second in range(first, first + 50)]
        await database.transact(lambda connection, part=part: add_analyses(connection, part))
    found = [int((each.at - NOW).total_seconds()) for each in await kept(database)]
    assert len(found) <= MOST_ANALYSES
    assert found[0] == 0
    assert found[-NEWEST_ANALYSES:] == list(range(1000 - NEWEST_ANALYSES, 1000))


async def test_old_analyses_are_forgotten(database):
    await database.transact(lambda connection: add_analyses(connection, [analysis(0), analysis(9)]))
    await database.transact(lambda connection: forget_analyses(connection, NOW + timedelta(seconds=5)))
    assert await kept(database) == [analysis(9)]


@given(st.integers(0, 3 * MOST_ANALYSES))
def test_thinning_spares_the_first_and_the_newest(count):
    instants = [f"{number:05}" for number in range(count)]
    gone = set(thinned(instants))
    assert bool(gone) == (count > MOST_ANALYSES)
    assert not gone & {*instants[:1], *instants[-NEWEST_ANALYSES:]}


def test_a_release_that_was_never_analysed_has_no_analysis():
    state = new_release(release_id="rel_1", service="bot", candidate="bot/v1.0.0-00000000", stable=None, now=NOW)
    assert Analysis.of(state) is None
