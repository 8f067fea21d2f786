"""Slices of a key's limits over several gateways, by real limiters of gateways and the real ledger of control."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.controller.lent_world import Gateway, Request, World
from tests.fakes.observations import batch, observation

from tidegate.controller.clock import ManualClock
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.ingest import Ingest
from tidegate.controller.key_leases import KeyLeases
from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyUse, MoneyUse
from tidegate.delivery.snapshot import AccessKey, Heartbeat
from tidegate.gateway.refusals import Refusal
from tidegate.registry import schema
from tidegate.registry.database import Database

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY, MONTH = "2026-11-27", "2026-11"
BUDGET = 1_000_000
LIMITS = KeyLimits(requests_per_minute=60, tokens_per_minute=1000, concurrent=4, budget_per_month=BUDGET)
KEYS = (AccessKey(name="shop", sha256="", limits=LIMITS), AccessKey(name="ops", sha256=""))


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


@pytest.fixture
def world() -> World:
    return World(LIMITS, NOON)


def leases(database: Database, clock: ManualClock | None = None) -> KeyLeases:
    clock = clock or ManualClock(NOON)
    gateways = GatewayRegistry(clock, lease_seconds=10)
    gateways.hear(beat())
    return KeyLeases(database, clock, lambda: KEYS, gateways)


NOTHING_SPENT = MoneyUse(MONTH)


def beat(key: str = "shop", month: MoneyUse = NOTHING_SPENT) -> Heartbeat:
    told = KeyUse(key=key, month=month)
    return Heartbeat(gateway="g", boot_id="a", pid=1, address="", build="", revision=1, epoch=1, keys=(told,))


def lend(made: KeyLeases, said: Heartbeat):
    made.hear(said)
    return made.lend(said)


def spend(gateway: Gateway, cost: int) -> bool:
    found = gateway.request(1, cost)
    if isinstance(found, Request):
        gateway.end(found, cost)
    return isinstance(found, Request)


async def test_keys_without_limits_and_periods_that_do_not_run_get_nothing(database):
    made = leases(database)
    made.learn({})
    assert lend(made, beat("ops")) == lend(made, beat("nobody")) == ()
    assert lend(made, beat(month=MoneyUse("2026-10")))[0].month.period == ""
    assert lend(made, beat())[0].month.granted == BUDGET


async def test_before_it_knows_what_was_spent_it_lends_no_money(database):
    made = leases(database)
    (grant,) = lend(made, beat())
    assert (grant.slices.requests, grant.month.period) == (60, "")
    await made.refresh()
    assert lend(made, beat())[0].month.granted == BUDGET


async def test_whoever_leads_next_knows_what_was_spent_and_what_was_reserved_for_an_unknown_cost(database):
    clock = ManualClock(NOON)
    rows = [
        observation(
            key="shop", started_at_us=int(at.timestamp()) * 1_000_000, cost_nano_usd=cost, assumed_nano_usd=assumed
        )
        for at, cost, assumed in (
            (NOON, 150_000, 0),
            (NOON, -1, 50_000),
            (NOON - timedelta(days=20), 500_000, 0),
            (NOON - timedelta(days=40), 900_000, 0),
        )
    ]
    await Ingest(database, clock).store(batch(rows))
    made = leases(database, clock)
    await made.refresh()
    assert lend(made, beat())[0].month.granted == 300_000
    report = (await made.report(["shop", "ops"]))["shop"]
    assert (report.requests_today, report.spent_today_usd, report.spent_this_month_usd) == (2, 0.0002, 0.0007)


async def test_spent_and_reserved_are_reported_apart(database):
    made = leases(database)
    await made.refresh()
    lend(made, beat(month=MoneyUse(MONTH, spent=200_000, reserved=300_000)))
    report = (await made.report(["shop"]))["shop"]
    assert (report.spent_this_month_usd, report.reserved_usd) == (0.0002, 0.0003)


def test_what_was_reserved_and_came_back_was_never_spent(world):
    a = world.start("a")
    world.settle_down()
    held = a.request(1, 900_000)
    a.beat()
    assert isinstance(held, Request)
    a.end(held, 0)
    world.settle_down()
    assert a.limiter.use(world.now_us).month.granted == BUDGET


def test_after_a_restart_of_control_nobody_is_lent_what_another_one_holds(world):
    a, b = world.start("a"), world.start("b")
    world.settle_down()
    before = b.limiter.use(world.now_us).month.granted
    assert before == BUDGET // 2
    world.restart_control()
    a.beat()
    a.take_answer()
    assert a.limiter.use(world.now_us).month.granted == BUDGET // 2
    assert a.limiter.held.requests == 30
    world.settle_down()
    spent = 0
    for gateway in (a, b) * 100:
        spent += 50_000 * spend(gateway, 50_000)
        world.settle_down(1)
    assert spent == BUDGET


def test_a_gateway_that_died_with_the_old_control_is_waited_for_as_long_as_it_might_serve(world):
    a, b = world.start("a"), world.start("b")
    world.settle_down()
    world.kill(b)
    world.restart_control()
    world.settle_down(8)
    assert a.limiter.held.requests == 30
    world.settle_down(8)
    assert (a.limiter.held.requests, a.limiter.use(world.now_us).month.granted) == (60, BUDGET)


def test_what_a_request_may_cost_is_found_at_any_gateway_while_it_is_there_at_all(world):
    gateways = [world.start(name) for name in "abcdefgh"]
    world.settle_down()
    assert isinstance(gateways[0].request(1, BUDGET * 9 // 10), Refusal), "it holds an eighth"
    for _ in range(5):
        world.settle_down(1)
        gateways[0].request(1, BUDGET * 9 // 10)
    assert gateways[0].limiter.in_flight == 1


def test_a_changed_limit_does_not_renew_what_was_spent(world):
    a = world.start("a")
    world.settle_down()
    assert spend(a, 900_000)
    world.declare(KeyLimits(budget_per_month=BUDGET + 100_000))
    world.settle_down()
    assert not spend(a, 300_000)
    assert spend(a, 200_000)
    world.declare(KeyLimits(concurrent=1))
    world.declare(LIMITS)
    world.settle_down()
    assert not spend(a, 1)


def test_a_new_month_begins_with_nothing_spent_and_ends_no_request_below_zero(world):
    a = world.start("a")
    world.settle_down()
    held = a.request(1, 900_000)
    assert isinstance(held, Request)
    world.clock.advance(timedelta(days=5))
    world.settle_down()
    assert a.limiter.use(world.now_us).month.granted == BUDGET
    a.end(held, 800_000)
    assert (a.limiter.month.spent, a.limiter.month.reserved) == (0, 0)
    world.settle_down()
    assert a.limiter.use(world.now_us).month.granted == BUDGET
    assert world.truth == {DAY: 800_000, MONTH: 800_000}


@pytest.mark.parametrize("seed", range(6))
def test_however_beats_and_requests_interleave_the_budget_is_spent_to_its_end_and_never_beyond(seed):
    """But for the hundredth of each gateway before control had spoken."""
    dice, cost = random.Random(seed), 1_000
    world = World(KeyLimits(budget_per_month=BUDGET), NOON)
    gateways = [world.start(name) for name in "abc"]
    for _ in range(6_000):
        place = dice.randrange(3)
        gateway = gateways[place]
        if gateway.answer and dice.random() < 0.3:
            gateway.take_answer()
        elif not gateway.answer and dice.random() < 0.02 * (place + 1):
            world.clock.advance(timedelta(milliseconds=300))
            gateway.beat()
        else:
            spend(gateway, cost)
        assert world.truth.get(MONTH, 0) <= BUDGET * 103 // 100
    for _ in range(60):
        world.settle_down(1)
        for gateway in gateways:
            while spend(gateway, cost):
                pass
    assert BUDGET <= world.truth[MONTH] <= BUDGET * 103 // 100
