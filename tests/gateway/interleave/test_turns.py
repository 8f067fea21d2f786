"""Alternating turns over real sockets: each version answers every other turn, in an order that is random anew."""

from __future__ import annotations

from typing import Any

import pytest
from tests.gateway.gateway_bench import Bench, release, service, variant

HALVES = (variant("stable", 5_000), variant("candidate", 5_000))
HISTORY = [{"role": "user", "content": "and?"}, {"role": "assistant", "content": "well"}]


def alternating(**settings: Any):
    return service(*HALVES, unit="conversation", release=release(alternates=True), **settings)


async def turns(bench: Bench, conversation: str, count: int, path: str = "/v1/chat/completions") -> list[str]:
    """Who answered each turn of a conversation."""
    served = []
    for turn in range(count):
        messages = [*(HISTORY * turn), {"role": "user", "content": "go on"}]
        body = {"model": "bot", "max_tokens": 9, "messages": messages}
        answer = await bench.client.post(path, json=body, headers={"x-tidegate-unit": conversation})
        assert answer.status_code == 200
        served.append(answer.headers["x-tidegate-variant"])
    return served


@pytest.fixture
async def table(bench, simulate):
    bench.provide("sim", await simulate({}))
    bench.publish(alternating())
    return bench


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_each_two_turns_hear_both_versions_in_an_order_by_chance(table, path):
    firsts = set()
    for number in range(12):
        served = await turns(table, f"c-{number}", 4, path)
        assert {*served[:2]} == {*served[2:]} == {"stable", "candidate"}
        firsts.add((served[0], served[2]))
    assert len(firsts) == 4  # the order of the second two has nothing to do with that of the first


async def test_a_turn_asked_again_goes_to_the_same_version(table):
    assert await turns(table, "c", 3) == await turns(table, "c", 3)


async def test_turns_belong_to_their_conversation_and_were_chosen_by_a_coin(table):
    await turns(table, "c", 4)
    rows = await table.observations.after(4)
    assert len({row.unit_hash for row in rows}) == 1
    assert {row.propensity for row in rows} == {5_000}
    assert {row.has_own_unit for row in rows} == {False}


async def test_what_keeps_its_conversation_at_the_provider_stays_with_stable(table):
    answer = await table.client.post("/v1/responses", json={"model": "bot", "input": "Hello", "user": "u"})
    assert answer.headers["x-tidegate-variant"] == "stable"
    (row,) = await table.observations.after(1)
    assert row.propensity == 10_000


async def test_a_request_of_no_conversation_is_assigned_by_itself(table):
    served = {(await table.chat()).headers["x-tidegate-variant"] for _ in range(24)}
    assert served == {"stable", "candidate"}


async def test_no_pins_are_held_for_turns(table):
    await turns(table, "c", 2)
    assert table.gateway.pin_reports() == ()
