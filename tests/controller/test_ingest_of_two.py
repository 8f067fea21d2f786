"""Two control processes that store batches at the same time count what one of them would have counted."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest
from tests.fakes.observations import batch, observation
from tests.fakes.postgres import postgres_server, postgres_url

from tidegate.controller.clock import ManualClock
from tidegate.controller.ingest import Ingest
from tidegate.registry import observations
from tidegate.registry.arrivals import read_arrivals
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate

__all__ = ["postgres_server", "postgres_url"]

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


def batches(count: int):
    """Of two releases and two gateways; half of the units return, in any order."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        rows = []
        for n in range(40):
            unit, variant = chance.randrange(200), chance.choice(("stable", "candidate"))
            rows.append(
                observation(
                    request_id=f"req_{number}_{n}",
                    started_at_us=chance.randrange(1_000_000),
                    release=f"rel_{n % 2}",
                    variant=variant,
                    served=variant,
                    unit_hash=unit if n % 4 else chance.getrandbits(64),
                    has_own_unit=n % 4 == 0,
                    assigned_outcome=chance.choice(("ok", "timeout", "refused")),
                    duration_us=chance.randrange(1, 10_000_000),
                )
            )
        made.append(batch(rows, sequence=number // 2, boot_id=f"boot-{number % 2}"))
    return made


async def counted(database: Database):
    async with database.read() as connection:
        return await observations.read_counts(connection, ["rel_0", "rel_1"])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/observations.db"
    return request.getfixturevalue("postgres_url")


async def test_batches_that_go_to_two_processes_at_once_count_once_and_as_with_one(url, tmp_path):
    own = Database(f"sqlite:///{tmp_path}/alone.db")
    databases = [Database(url), Database(url)]
    await migrate(own, "observations")
    await migrate(databases[0], "observations")
    sent = batches(12)
    alone = Ingest(own, ManualClock(NOW))
    for each in sent:
        assert await alone.store(each)
    ingests = [Ingest(database, ManualClock(NOW)) for database in databases]
    backwards = list(reversed(sent))
    results = await asyncio.gather(*(ingests[n % 2].store(each) for n, each in enumerate([*sent, *backwards])))
    assert results.count(True) == len(sent)  # each came twice, half of them to the other process
    assert await counted(databases[1]) == await counted(own)
    async with databases[1].read() as connection:
        assert await read_arrivals(connection) == {"bot": NOW}
    for database in (own, *databases):
        await database.close()
