"""Keys with limits in front of a real gateway: refused in the client's dialect, trued up, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
from hashlib import sha256

import httpx2
import msgspec
import pytest
from tests.gateway.gateway_bench import KEY, Bench, StartSimulator, service, until

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyGrant, Rates
from tidegate.delivery.snapshot import AccessKey
from tidegate.gateway import accounting
from tidegate.registry.key_charges import Place, charges_of

ANTHROPIC = {"model": "bot", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello there"}]}


def limit(door: Bench, **limits) -> None:
    own = AccessKey(name="shop", sha256=sha256(KEY.encode()).hexdigest(), limits=KeyLimits(**limits))
    door.publish(service(), keys=(own,))


@pytest.fixture
async def door(bench: Bench, simulate: StartSimulator) -> Bench:
    bench.provide("sim", await simulate())
    return bench


def limiter(door: Bench):
    return door.gateway.limiters.of("shop")


async def test_an_openai_client_is_told_in_its_words(door):
    limit(door, requests_per_minute=1)
    assert (await door.chat()).status_code == 200
    answer = await door.chat()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    rows = await door.observations.after(2)
    assert (rows[1].status, rows[1].variant, rows[1].outcome) == (429, "", "caller_error")


async def test_an_anthropic_client_is_told_in_its_words(door):
    limit(door, requests_per_minute=1)
    assert (await door.client.post("/v1/messages", json=ANTHROPIC)).status_code == 200
    answer = await door.client.post("/v1/messages", json=ANTHROPIC)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert answer.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_and_money_are_trued_up_by_what_the_answer_used(door, stream):
    limit(door, tokens_per_minute=5_000, budget_per_month=100 * 10**9)
    assert (await door.chat(max_tokens=4_000, stream=stream)).status_code == 200
    row = (await door.observations.after(1))[0]
    await until(lambda: limiter(door).in_flight == 0)
    assert (limiter(door).month.spent, limiter(door).month.reserved) == (row.cost_nano_usd, 0)
    assert row.cost_nano_usd > 0
    assert (await door.chat(max_tokens=4_000)).status_code == 200, "the reservation was given back"


async def test_a_place_comes_back_however_the_request_ends(door, closed_port):
    limit(door, concurrent=1)
    assert (await door.chat(messages="no list")).status_code in {200, 400}
    assert (await door.chat(stream=True)).status_code == 200
    assert limiter(door).in_flight == 0
    door.provide("sim", closed_port)
    limit(door, concurrent=1)
    assert (await door.chat()).status_code == 502
    await until(lambda: limiter(door).in_flight == 0)


async def test_at_once_means_at_once_and_a_client_that_leaves_makes_room(door, simulate):
    door.provide(
        "sim", await simulate({"stable-model": {"answer": "late", "faults": [{"kind": "hang", "before": "headers"}]}})
    )
    limit(door, concurrent=1)
    waiting = asyncio.create_task(door.chat())
    await until(lambda: limiter(door).in_flight == 1)
    assert (await door.chat()).status_code == 429
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: limiter(door).in_flight == 0)


async def test_other_keys_and_new_tables_leave_a_limiter_as_it_is(door):
    limit(door, requests_per_minute=1)
    await door.chat()
    limit(door, requests_per_minute=1)
    assert (await door.chat()).status_code == 429
    limit(door)
    assert (await door.chat()).status_code == 200


async def test_uses_are_told_and_grants_are_taken(door):
    limit(door, requests_per_minute=100, budget_per_day=10**9)
    assert [use.key for use in door.gateway.key_uses()] == ["shop"]
    door.gateway.limiters.take_grants((KeyGrant(key="shop", slices=Rates(1)), KeyGrant(key="nobody", slices=Rates(1))))
    assert (await door.chat()).status_code == 200
    assert (await door.chat()).status_code == 429


@pytest.mark.parametrize("field", ["max_tokens", "n"])
async def test_what_no_model_can_answer_is_refused_in_the_clients_dialect_and_reserves_nothing(door, field):
    limit(door, tokens_per_minute=5_000, budget_per_day=10**9, without_control="allow")
    answer = await door.chat(**{field: 10**30})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert field in answer.json()["error"]["message"]
    answer = await door.client.post("/v1/messages", json=ANTHROPIC | {field: 10**30})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert limiter(door).in_flight == 0
    msgspec.json.encode(door.gateway.key_uses())


async def test_prometheus_is_told_what_was_refused_and_spent(door):
    limit(door, requests_per_minute=1, budget_per_day=10**12)
    await door.chat()
    await door.chat()
    page = (await door.client.get("/metrics")).text
    assert 'tidegate_limited_total{key="shop",limit="requests_per_minute"} 1' in page
    assert 'tidegate_key_in_flight{key="shop"} 0' in page
    assert 'tidegate_key_spent_usd{key="shop",period="day"} 0.0000' in page
    assert 'tidegate_key_reserved_usd{key="shop",period="day"} 0.000000000' in page


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_whose_usage_nobody_told_costs_what_was_reserved_here_and_in_the_database(
    door, simulate, stream
):
    door.provide("sim", await simulate({"stable-model": {"answer": "hello", "usage": "never"}}))
    limit(door, budget_per_day=10**12)
    assert (await door.chat(max_tokens=100, stream=stream)).status_code == 200
    (row,) = await door.observations.after(1)
    assert (row.cost_nano_usd, row.input_tokens) == (-1, -1)
    assert row.assumed_nano_usd > 0
    await until(lambda: limiter(door).in_flight == 0)
    assert limiter(door).day.spent == charges_of([row])[Place("shop", limiter(door).day.period)]


async def test_a_bug_of_ours_while_a_request_is_recorded_leaves_no_reservation_behind(door, monkeypatch):
    limit(door, concurrent=1, budget_per_day=10**12)
    monkeypatch.setattr(accounting, "observation_of", lambda *_: 1 / 0)
    with contextlib.suppress(httpx2.HTTPError):
        await door.chat()
    await until(lambda: limiter(door).in_flight == 0)
    assert limiter(door).day.reserved == 0
