"""What a provider would get, before anything is sent."""

from __future__ import annotations

import pytest

from tidegate.errors import CallerError, InvalidInputError, NotFoundError

TURNS = [{"role": "user", "content": "Where is my order?"}]


async def test_the_versions_prompt_and_parameters_stand_in_the_request(client):
    made = await client.push(
        {"model": "sim/better", "prompt": {"system": "Be brief."}, "generation": {"temperature": 0.2}, "card": "x"},
        service="bot",
        version="v1.5.0",
    )
    found = await client.preview("bot", {"messages": TURNS, "max_tokens": 5}, version="v1.5.0")
    assert (found.version, found.provider, found.dialect) == (made.ref, "sim", "openai")
    assert found.url.endswith("/v1/chat/completions")
    assert found.body == {
        "model": "better",
        "messages": [{"role": "system", "content": "Be brief."}, *TURNS],
        "max_tokens": 5,
        "temperature": 0.2,
    }


async def test_stable_is_meant_where_nothing_is_said_and_other_endpoints_are_translated(client):
    stable = (await client.status("bot")).stable
    found = await client.preview("bot", {"messages": TURNS, "max_tokens": 7}, path="/v1/messages")
    assert found.version == stable
    assert found.body["messages"][-1]["content"] in ("Where is my order?", TURNS)


async def test_what_the_gateway_would_refuse_is_refused(client):
    with pytest.raises(InvalidInputError, match="no endpoint"):
        await client.preview("bot", {"messages": TURNS}, path="/v1/pictures")
    with pytest.raises(CallerError, match="stream"):
        await client.preview("bot", {"messages": "no list", "stream": "maybe"})
    with pytest.raises(NotFoundError):
        await client.preview("nobody", {"messages": TURNS})
    with pytest.raises(NotFoundError):
        await client.preview("bot", {"messages": TURNS}, version="v9.9.9")


async def test_reasoning_of_another_maker_is_left_out(client):
    spoken = {"role": "assistant", "content": "There.", "reasoning_details": [{"signature": "~tidegate.00000000.x"}]}
    found = await client.preview("bot", {"messages": [*TURNS, spoken]})
    assert found.body["messages"][-1] == {"role": "assistant", "content": "There."}
