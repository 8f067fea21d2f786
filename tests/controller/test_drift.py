"""Drift is told against the version's own first day, and only with enough answers."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.fakes.observations import batch, observation
from tests.scenarios.world import START, World


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path)
    yield made
    await made.close()


async def answers(world: World, *, day: int, median: int, count: int = 1_000) -> None:
    chance = random.Random(day)
    at = START + timedelta(days=day, hours=1)
    rows = [
        observation(
            request_id=f"req_{day}_{number}",
            started_at_us=int(at.timestamp() * 1e6) + number * 1_000,
            output_tokens=max(1, round(median * chance.lognormvariate(0, 0.6))),
            input_tokens=round(500 * chance.lognormvariate(0, 1)),
            surprisal_unats=round(3e6 * chance.lognormvariate(0, 0.3)),
            surprisal_tokens=10,
            tpot_us=round(20_000 * chance.lognormvariate(0, 0.3)),
            outcome="refused" if number % 50 == 0 and day else "ok",
        )
        for number in range(count)
    ]
    await world.control.store(batch(rows, sequence=day + 1))


async def test_longer_answers_are_told_and_an_unchanged_pace_is_not(world):
    await world.service("bot", "1.0.0")
    await answers(world, day=0, median=100)
    await answers(world, day=9, median=200)
    world.clock.advance(timedelta(days=9, hours=2))
    (version,) = (await world.control.drift.of_service("bot")).versions
    signals = {signal.signal: signal for signal in version.signals}
    assert signals["output_tokens"].degree == "great"
    assert signals["output_tokens"].first_median == pytest.approx(100, rel=0.15)
    assert signals["output_tokens"].now_median == pytest.approx(200, rel=0.15)
    assert signals["tokens_per_second"].degree == "none"
    assert signals["tokens_per_second"].first_median == pytest.approx(50, rel=0.1)
    for signal in signals.values():
        assert sum(each.first for each in signal.bins) == sum(each.now for each in signal.bins) == 1_000
        assert [each.start for each in signal.bins] == sorted(each.start for each in signal.bins)
        assert len(signal.bins) <= 24
    rates = {rate.signal: rate for rate in version.rates}
    assert (rates["refusal_rate"].first, rates["refusal_rate"].now) == (0, 0.02)


async def test_a_version_without_requests_is_not_told_of(world):
    await world.service("bot", "1.0.0")
    assert (await world.control.drift.of_service("bot")).versions == ()
