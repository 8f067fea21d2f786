"""Requests that take long are reported before they end, once for each age, and take the report back at their end."""

from __future__ import annotations

import asyncio
import time
from functools import reduce
from operator import add

import pytest
from tests.gateway.gateway_bench import Bench, canary, service, until

from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.snapshot import SlowAfter
from tidegate.gateway.accounting import observation_of

SECOND = 1_000_000


def watch(bench: Bench, *, latency: tuple[int, ...] = (), ttft: tuple[int, ...] = (), step: int = 3) -> None:
    ages = SlowAfter(
        release="r-7", attempt=2, step=step, latency_us={"candidate": latency}, ttft_us={"candidate": ttft}
    )
    bench.gateway.overdue._slow = lambda: {"bot": ages}


def sweep(bench: Bench, after: float) -> int:
    return bench.gateway.overdue.sweep(time.monotonic() + after, observation_of)


@pytest.fixture
async def asked(bench, simulate):
    """A request to a candidate that answers at last when ``go`` is called."""
    sim = await simulate({"candidate-model": {"answer": "late", "first_token_seconds": 0.8}})
    bench.provide("sim", sim)
    bench.publish(canary())
    asking = asyncio.ensure_future(bench.chat())
    await until(lambda: bool(sim.requests))
    return asking


async def test_a_request_is_reported_once_for_each_age_it_passes(bench, asked):
    watch(bench, latency=(5 * SECOND, 60 * SECOND))
    assert [sweep(bench, after) for after in (1, 7, 8, 61, 300)] == [0, 1, 0, 1, 0]
    first, second = bench.observations.rows
    assert (first.is_open, first.waited_us, first.outcome, first.assigned_outcome) == (True, 0, "", "")
    assert (first.variant, first.release, first.step, first.duration_us > 7 * SECOND) == ("candidate", "r-7", 3, True)
    assert second.waited_us == first.duration_us
    await asked
    rows = await bench.observations.after(3)
    assert (rows[2].is_open, rows[2].waited_us, rows[2].outcome) == (False, second.duration_us, "ok")
    total = reduce(add, (Summary.of(row, is_new_unit=False) for row in rows))
    assert (total.requests, total.latency.count, total.open_latency.count) == (1, 1, 0)
    assert len(bench.gateway.overdue) == 0


async def test_thresholds_of_another_step_and_of_another_variant_mean_nothing(bench, asked):
    watch(bench, latency=(SECOND,), step=4)
    assert sweep(bench, 100) == 0
    bench.gateway.overdue._slow = dict
    assert sweep(bench, 100) == 0
    await asked


async def test_a_whole_answer_has_no_first_token_to_wait_for(bench, asked):
    watch(bench, ttft=(SECOND,))
    assert sweep(bench, 100) == 0
    await asked


async def test_a_stream_is_reported_while_it_has_no_content(bench, simulate):
    sim = await simulate({"candidate-model": {"faults": [{"kind": "hang", "before": "content"}]}})
    bench.provide("sim", sim)
    bench.publish(canary())
    watch(bench, ttft=(SECOND,))
    asking = asyncio.ensure_future(bench.chat(stream=True))
    await until(lambda: bool(sim.requests))
    assert sweep(bench, 2) == 1
    (row,) = bench.observations.rows
    assert Summary.of(row).open_ttft.count == 1
    asking.cancel()
    await bench.observations.after(2)
    total = reduce(add, (Summary.of(row, is_new_unit=False) for row in bench.observations.rows))
    assert (total.open_ttft.count, total.judged) == (0, 0)


async def test_requests_outside_releases_are_not_watched(bench, simulate):
    sim = await simulate({"stable-model": {"first_token_seconds": 0.3}})
    bench.provide("sim", sim)
    bench.publish(service())
    asking = asyncio.ensure_future(bench.chat())
    await until(lambda: bool(sim.requests))
    assert len(bench.gateway.overdue) == 0
    await asking
