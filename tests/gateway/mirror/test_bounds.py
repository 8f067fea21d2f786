"""What keeps copies small: places, money, tokens, a busy process, a provider that is full, harmful requests."""

from __future__ import annotations

import pytest
from tests.gateway.gateway_bench import PRICE, chat_body, until
from tests.gateway.mirror.test_mirrors import EVERYTHING, asked, give, pairs_of, results, shadow

from tidegate.delivery.mirroring import Mirroring
from tidegate.gateway.mirror.pulse import Pulse
from tidegate.gateway.mirror.tally import Tally


def tally_of(bench):
    return bench.gateway.mirrors.tally(bench.gateway.holder.current.routes["bot"].mirror)


async def test_no_more_copies_than_places(bench, simulate):
    bounds = Mirroring(share=10_000, max_concurrency=2)
    sim = await give(bench, simulate, {"candidate-model": {"faults": [{"kind": "hang"}]}}, shadow(bounds))
    for _ in range(5):
        assert (await bench.chat()).status_code == 200
    await until(lambda: asked(sim).count("candidate-model") == 2)
    assert bench.gateway.mirrors.in_flight == 2
    assert results(bench) == {"max_concurrency": 3}


async def test_nothing_is_spent_before_control_has_granted_it_and_no_more_than_that(bench, simulate):
    bounds = Mirroring(share=10_000, max_cost=10**9)
    await give(bench, simulate, {"candidate-model": {"answer": "ten words " * 5}}, shadow(bounds))
    await bench.chat()
    assert results(bench) == {"spent": 1}
    tally = tally_of(bench)
    tally.granted_cost = 2_200_000
    await bench.chat()
    one = (await pairs_of(bench))[0].candidate.cost_nano_usd
    tally.granted_cost = 5 * one
    for _ in range(8):
        await bench.chat()
        await until(lambda: not bench.gateway.mirrors.in_flight)
    assert tally.cost == 5 * one  # to the last copy that fits
    assert results(bench)["spent"] == 1 + 4


def test_copies_under_way_are_reckoned_with_what_the_others_cost():
    tally, bounds = Tally("bot/v2"), Mirroring(share=1, max_cost=100, max_tokens=1_000)
    tally.granted_cost, tally.granted_tokens = 100, 1_000
    assert tally.affords(bounds, 40, 10)
    tally.in_flight = 2
    assert not tally.affords(bounds, 40, 10)
    tally.in_flight = 0
    for _ in range(3):
        tally.book(20, 100)
    assert tally.affords(bounds, 0, 0)
    tally.in_flight = 2
    assert not tally.affords(bounds, 0, 0)
    assert Tally("x").affords(Mirroring(share=1), 10**12, 10**12)  # without bounds


def test_tokens_bound_where_nobody_knows_the_price():
    tally, bounds = Tally("bot/v2"), Mirroring(share=1, max_tokens=100)
    tally.granted_tokens = 100
    tally.book(-1, 60)
    assert (tally.cost, tally.tokens) == (0, 60)
    assert not tally.affords(bounds, 0, 0)


async def test_a_busy_process_copies_nothing(bench, simulate, monkeypatch):
    monkeypatch.setattr("tidegate.gateway.mirror.pulse.BUSY", 0.0)
    sim = await give(bench, simulate, {}, shadow())
    assert (await bench.chat()).status_code == 200
    assert asked(sim) == ["stable-model"]
    assert results(bench) == {"busy": 1}


async def test_a_copy_that_waited_for_the_loop_is_shed(bench, simulate, monkeypatch):
    monkeypatch.setattr("tidegate.gateway.mirror.copying.LATEST_START", -1.0)
    sim = await give(bench, simulate, {}, shadow())
    assert (await bench.chat()).status_code == 200
    await until(lambda: results(bench) == {"behind": 1})
    assert asked(sim) == ["stable-model"]
    assert bench.gateway.mirrors.in_flight == 0
    assert tally_of(bench).in_flight == 0


def test_the_pulse_is_the_share_of_a_core_used_lately(monkeypatch):
    monkeypatch.setattr("tidegate.gateway.mirror.pulse.BUSY", 0.7)
    now = {"clock": 0.0, "used": 0.0}
    pulse = Pulse(lambda: now["clock"], lambda: now["used"])
    now.update(clock=1.0, used=0.69)
    assert not pulse.is_busy()
    now.update(clock=1.1, used=0.79)
    assert not pulse.is_busy()  # too soon to look again
    now.update(clock=2.0, used=1.4)
    assert pulse.is_busy()


async def test_half_of_a_providers_places_are_the_users_alone(bench, simulate):
    sim = await simulate({"candidate-model": {"faults": [{"kind": "hang"}]}})
    bench.provide("sim", sim, max_in_flight=4)
    bench.publish(shadow())
    for _ in range(4):
        assert (await bench.chat()).status_code == 200
    assert bench.gateway.mirrors.in_flight == 2
    assert results(bench) == {"provider_busy": 2}


async def test_a_rate_limit_gives_the_provider_back_to_users(bench, simulate):
    limited = {"kind": "error", "status": 429, "retry_after_seconds": 60}
    sim = await give(bench, simulate, {"candidate-model": {"faults": [limited]}}, shadow())
    await bench.chat()
    (pair,) = await pairs_of(bench)
    assert pair.candidate.outcome == "rate_limited"
    await bench.chat()
    assert results(bench) == {"pair": 1, "rate_limited": 1}
    assert asked(sim).count("candidate-model") == 1


async def test_a_candidate_that_keeps_failing_gets_a_rest(bench, simulate):
    sim = await give(bench, simulate, {"candidate-model": {"faults": [{"kind": "error", "status": 500}]}}, shadow())
    for count in range(1, 6):
        await bench.chat()
        await pairs_of(bench, count)
    await bench.chat()
    assert results(bench) == {"pair": 5, "unavailable": 1}
    assert asked(sim).count("candidate-model") == 5


TOOL = {"type": "function", "function": {"name": "pay", "parameters": {"type": "object"}}}


async def test_a_copys_tool_calls_are_recorded_and_sent_to_nobody(bench, simulate):
    calls = {"tool_calls": [{"name": "pay", "arguments": {"sum": 5}}]}
    sim = await give(bench, simulate, {"stable-model": calls, "candidate-model": calls}, shadow())
    answer = await bench.chat(tools=[TOOL])
    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "pay"
    (pair,) = await pairs_of(bench)
    assert pair.is_exact is True  # the same call with the same arguments, whatever its id
    assert len(sim.requests) == 2  # one to each model: nobody answered the copy's call


@pytest.mark.parametrize(
    ("path", "body", "result"),
    [
        ("/v1/chat/completions", {"tools": [TOOL]}, "pair"),
        ("/v1/chat/completions", {"web_search_options": {}}, "provider_tools"),
        ("/v1/chat/completions", {"tools": [{"type": "web_search"}]}, "provider_tools"),
        ("/v1/responses", {"input": "hi", "previous_response_id": "resp_1"}, "provider_state"),
        ("/v1/responses", {"input": "hi", "conversation": "conv_1"}, "provider_state"),
        ("/v1/responses", {"input": "hi", "background": True}, "provider_state"),
        ("/v1/responses", {"input": "hi", "background": False}, "pair"),
        ("/v1/responses", {"input": "hi", "tools": [{"type": "code_interpreter"}]}, "provider_tools"),
        ("/v1/responses", {"input": "hi", "tools": "none"}, "provider_tools"),
    ],
    ids=lambda part: str(part)[:40],
)
async def test_what_a_provider_would_do_twice_is_not_copied(bench, simulate, path, body, result):
    await give(bench, simulate, {}, shadow(EVERYTHING))
    sent = {**(chat_body() if "chat" in path else {"model": "bot"}), **body}
    await bench.client.post(path, json=sent)
    await until(lambda: results(bench) == {result: 1})


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"tools": [{"name": "pay", "input_schema": {"type": "object"}}]}, "pair"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "pair"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "provider_tools"),
        ({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, "provider_tools"),
        ({"mcp_servers": []}, "pair"),
        ({"container": "c_1"}, "provider_state"),
    ],
    ids=lambda part: str(part)[:40],
)
async def test_the_same_in_the_other_dialect(bench, simulate, body, result):
    sim = await simulate()
    bench.provide("sim", sim, dialect="anthropic", prices={"*": PRICE})
    bench.publish(shadow())
    await bench.client.post("/v1/messages", json=chat_body(max_tokens=20, **body))
    await until(lambda: results(bench) == {result: 1})


async def test_prometheus_hears_of_copies_apart_from_users(bench, simulate):
    await give(bench, simulate, {}, shadow(Mirroring(share=10_000, max_concurrency=1)))
    await bench.chat()
    await pairs_of(bench)
    await bench.chat(tools=[{"type": "web_search"}])
    page = (await bench.client.get("/metrics")).text
    labels = 'service="bot",version="bot/v1.1.0-bbbbbbbb"'
    assert f'tidegate_mirrors_total{{{labels},result="pair"}} 1' in page
    assert f'tidegate_mirrors_total{{{labels},result="provider_tools"}} 1' in page
    assert f"tidegate_mirror_cost_usd_total{{{labels}}} 0.0000" in page
    assert 'variant="candidate"' not in page
    assert "tidegate_pins" in page
