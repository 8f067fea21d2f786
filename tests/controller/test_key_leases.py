"""Slices of a key's limits over several gateways: together never more than declared, and where they are wanted."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation

from tidegate.controller.clock import ManualClock
from tidegate.controller.ingest import Ingest
from tidegate.controller.key_leases import KeyLeases
from tidegate.delivery.limits import KeyLimits, KeyUse
from tidegate.delivery.snapshot import AccessKey, Heartbeat
from tidegate.registry import schema
from tidegate.registry.database import Database

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY, MONTH = "2026-11-27", "2026-11"
LIMITS = KeyLimits(requests_per_minute=60, tokens_per_minute=1000, concurrent=4, budget_per_month=1_000_000)
KEYS = (AccessKey(name="shop", sha256="", limits=LIMITS), AccessKey(name="ops", sha256=""))


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def leases(database: Database, live: str = "ab", clock: ManualClock | None = None) -> KeyLeases:
    made = KeyLeases(database, clock or ManualClock(NOON), lambda: KEYS, lambda: frozenset(live))
    made.learn({})
    return made


def beat(boot: str, key: str = "shop", **use) -> Heartbeat:
    told = KeyUse(key=key, month=use.pop("month", MONTH), **use)
    return Heartbeat(gateway="g", boot_id=boot, pid=1, address="", build="", revision=1, epoch=1, keys=(told,))


async def test_one_gateway_has_the_whole_of_every_limit(database):
    (grant,) = leases(database, live="a").answer(beat("a", requests=10))
    assert (grant.requests, grant.tokens, grant.concurrent) == (60, 1000, 4)
    assert (grant.month, grant.spend_in_month, grant.spend_in_day) == (MONTH, 1_000_000, 0)


async def test_slices_go_to_where_they_are_wanted(database):
    made = leases(database)
    made.answer(beat("a", requests=500, concurrent=9))
    assert [each.requests for each in made.answer(beat("b", requests=10, concurrent=1))] == [10]
    (grant,) = made.answer(beat("a", requests=500, concurrent=9))
    assert (grant.requests, grant.concurrent) == (50, 3)


async def test_a_gateway_that_is_gone_leaves_its_slice_to_the_others(database):
    alive = ["a", "b"]
    made = KeyLeases(database, ManualClock(NOON), lambda: KEYS, lambda: frozenset(alive))
    made.answer(beat("a", requests=500))
    made.answer(beat("b", requests=500))
    alive.remove("b")
    assert made.answer(beat("a", requests=500))[0].requests == 60


async def test_keys_without_limits_and_periods_that_are_over_get_nothing(database):
    made = leases(database)
    assert made.answer(beat("a", key="ops")) == ()
    assert made.answer(beat("a", key="nobody")) == ()
    assert made.answer(beat("a", month="2026-10"))[0].month == ""


@pytest.mark.parametrize("seed", range(10))
async def test_however_beats_and_requests_interleave_the_sum_stays_within_the_budget_and_comes_near_it(database, seed):
    dice, count, cost = random.Random(seed), 3, 1_000
    made, spent, allowed = leases(database, live="012"), [0] * count, [0] * count
    answers: list[int | None] = [None] * count  # on their way: a gateway goes on by its old grant meanwhile
    for _ in range(8_000):
        gateway = dice.randrange(count)
        waiting = answers[gateway]
        if waiting is not None and dice.random() < 0.3:
            allowed[gateway], answers[gateway] = waiting, None
        elif waiting is None and dice.random() < 0.02 * (gateway + 1):
            told = made.answer(beat(str(gateway), spent_in_month=spent[gateway]))
            answers[gateway] = told[0].spend_in_month
        elif spent[gateway] + cost <= allowed[gateway]:
            spent[gateway] += cost
        assert sum(spent) <= LIMITS.budget_per_month
    assert sum(spent) >= 0.98 * LIMITS.budget_per_month


async def test_whoever_leads_next_knows_what_was_spent(database):
    clock = ManualClock(NOON)
    rows = [
        observation(key="shop", started_at_us=int(at.timestamp()) * 1_000_000, cost_nano_usd=cost)
        for at, cost in ((NOON, 200_000), (NOON - timedelta(days=20), 500_000), (NOON - timedelta(days=40), 900_000))
    ]
    await Ingest(database, clock).store(batch(rows))
    made = leases(database, live="a", clock=clock)
    await made.refresh()
    assert made.answer(beat("a"))[0].spend_in_month == 300_000
    report = (await made.report(["shop", "ops"]))["shop"]
    assert (report.requests_today, report.spent_today_usd, report.spent_this_month_usd) == (1, 0.0002, 0.0007)


async def test_before_it_knows_what_was_spent_it_lends_no_money(database):
    made = KeyLeases(database, ManualClock(NOON), lambda: KEYS, lambda: frozenset("a"))
    assert (made.answer(beat("a"))[0].requests, made.answer(beat("a"))[0].month) == (60, "")
    await made.refresh()
    assert made.answer(beat("a"))[0].spend_in_month == 1_000_000


async def test_a_new_month_begins_with_nothing_spent(database):
    clock = ManualClock(NOON)
    made = leases(database, live="a", clock=clock)
    made.answer(beat("a", spent_in_month=900_000))
    assert made.answer(beat("a", spent_in_month=900_000))[0].spend_in_month == 1_000_000
    clock.advance(timedelta(days=5))
    await made.refresh()
    assert made.answer(beat("a", month="2026-12"))[0].spend_in_month == 1_000_000
