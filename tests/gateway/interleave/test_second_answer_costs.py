"""What second answers may cost, and who pays for them."""

from __future__ import annotations

import asyncio
from hashlib import sha256

from tests.gateway.gateway_bench import KEY, Bench, release, service, until, variant
from tests.gateway.interleave.both_answers import (
    ANSWERS,
    HANG,
    TWO,
    both,
    give,
    interleaved,
    pair_of,
    texts,
)

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.snapshot import AccessKey


async def test_what_it_costs_is_bounded_as_a_mirrors_copies_are(bench, simulate):
    mirroring = Mirroring(share=10_000, patience=60.0, max_cost=1)
    route = service(variant("stable"), variant("candidate", 0), release=release(mirroring=mirroring))
    sim = await give(bench, simulate, ANSWERS, route)
    answer = await bench.chat(headers=TWO)
    assert list(texts(answer, stream=False).values()) == ["on its way"]
    assert len(sim.requests) == 1
    (spending,) = bench.gateway.mirror_spending()
    assert (spending.cost, spending.step) == (0, 3)


async def test_what_users_see_is_not_told_apart_as_the_cost_of_copies(bench, simulate):
    await give(bench, simulate, ANSWERS)
    await bench.chat(headers=TWO)
    await pair_of(bench)
    (totals,) = bench.gateway.mirrors.totals.values()
    assert (totals.cost, totals.results["pair"]) == (0, 1)
    ((_, tally),) = bench.gateway.mirrors.tallies()
    assert tally.cost > 0  # which is what bounds it


def limit(bench: Bench, **limits: int):
    """The key's limits, under the same table."""
    own = AccessKey(name="shop", sha256=sha256(KEY.encode()).hexdigest(), limits=KeyLimits(**limits))
    bench.publish(interleaved(), keys=(own,))
    return bench.gateway.limiters.of("shop")


async def test_the_second_answer_is_reserved_and_paid_for_as_a_request_of_its_own(bench, simulate):
    await give(bench, simulate, ANSWERS)
    limiter = limit(bench, concurrent=2, budget_per_day=10**12)
    assert (await bench.chat(headers=TWO)).headers["x-tidegate-choices"] == "2"
    rows = await bench.observations.after(2)
    await until(lambda: limiter.in_flight == 0)
    assert (limiter.day.spent, limiter.day.reserved) == (sum(row.cost_nano_usd for row in rows), 0)
    assert all(row.cost_nano_usd > 0 for row in rows)


async def test_a_key_without_room_for_two_gets_one_answer_and_is_not_refused(bench, simulate):
    await give(bench, simulate, ANSWERS)
    limiter = limit(bench, concurrent=1)
    answer = await bench.chat(headers=TWO)
    assert (answer.status_code, "x-tidegate-choices" in answer.headers) == (200, False)
    assert limiter.refused == {}
    (totals,) = bench.gateway.mirrors.totals.values()
    assert totals.results == {"key_limits": 1}


async def test_a_client_that_leaves_takes_both_reservations_with_it(bench, simulate):
    await give(bench, simulate, both(HANG))
    limiter = limit(bench, concurrent=4, budget_per_day=10**12)
    waiting = asyncio.create_task(bench.chat(headers=TWO))
    await until(lambda: limiter.in_flight == 2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: limiter.in_flight == 0)
    assert limiter.day.reserved == 0
