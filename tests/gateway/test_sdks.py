"""The official SDKs, in all four combinations of dialects, whole and streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
from tests.gateway.gateway_bench import KEY, Bench, service, variant

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(params=["openai", "anthropic"])
async def upstream(request, bench: Bench, simulate) -> AsyncIterator[Bench]:
    sim = await simulate(
        {"stable-model": {"answer": "Good day to you"}, "bad-model": {"faults": [{"kind": "error", "status": 400}]}}
    )
    bench.provide("sim", sim, dialect=request.param)
    from tidegate.wire.insertion import Insertion

    bench.publish(service(), service(variant(insertion=Insertion(model="bad-model")), name="bad"))
    return bench


@pytest.fixture
async def openai_client(upstream: Bench) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic_client(upstream: Bench) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=upstream.url, api_key=KEY, max_retries=0) as client:
        yield client


async def test_openai_whole(upstream, openai_client):
    answer = await openai_client.chat.completions.create(model="bot", messages=HELLO)
    assert answer.choices[0].message.content == "Good day to you"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0
    assert answer._request_id.startswith("req_")


async def test_openai_streamed(upstream, openai_client):
    stream = await openai_client.chat.completions.create(
        model="bot", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Good day to you"
    assert chunks[-1].usage.completion_tokens > 0
    row = (await upstream.observations.after(1))[0]
    assert (row.outcome, row.output_tokens, row.finish_reason) == ("ok", chunks[-1].usage.completion_tokens, "stop")


async def test_anthropic_whole(upstream, anthropic_client):
    answer = await anthropic_client.messages.create(model="bot", max_tokens=100, messages=HELLO)
    assert answer.content[0].text == "Good day to you"
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0
    assert answer._request_id.startswith("req_")


async def test_anthropic_streamed(upstream, anthropic_client):
    async with anthropic_client.messages.stream(model="bot", max_tokens=100, messages=HELLO) as stream:
        text = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert "".join(text) == "Good day to you"
    assert final.stop_reason == "end_turn"
    row = (await upstream.observations.after(1))[0]
    assert (row.outcome, row.output_tokens, row.finish_reason) == ("ok", final.usage.output_tokens, "end_turn")


async def test_errors_are_the_sdks_own_exceptions(upstream, openai_client, anthropic_client):
    with pytest.raises(openai.BadRequestError):
        await openai_client.chat.completions.create(model="bad", messages=HELLO)
    with pytest.raises(anthropic.BadRequestError):
        await anthropic_client.messages.create(model="bad", max_tokens=9, messages=HELLO)
    with pytest.raises(openai.NotFoundError, match="no service 'nope'"):
        await openai_client.chat.completions.create(model="nope", messages=HELLO)
    with pytest.raises(anthropic.AuthenticationError):
        await anthropic_client.with_options(api_key="wrong").messages.create(model="bot", max_tokens=9, messages=HELLO)


async def test_models_are_listed(upstream, openai_client, anthropic_client):
    assert [model.id async for model in openai_client.models.list()] == ["bad", "bot"]
    assert [model.id async for model in anthropic_client.models.list()] == ["bad", "bot"]
    assert (await openai_client.models.retrieve("bot")).id == "bot"
    assert (await anthropic_client.models.retrieve("bot")).display_name == "bot"
