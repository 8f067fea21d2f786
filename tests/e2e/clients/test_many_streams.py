"""Many streams at once through one gateway process, each answer whole and its own."""

from __future__ import annotations

import asyncio

STREAMS = 50


async def test_fifty_openai_streams(async_openai, services, simulator):
    async def read(number: int) -> tuple[int, int]:
        text, usage = "", None
        stream = await async_openai.chat.completions.create(
            model=services["steady"],
            messages=[{"role": "user", "content": f"word {number}"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
            usage = chunk.usage or usage
        return len(text), usage.completion_tokens

    answers = await asyncio.gather(*(read(number) for number in range(STREAMS)))
    assert {answer[1] for answer in answers} == {40}
    assert len({answer[0] for answer in answers}) == 1  # nothing lost, nothing mixed in
    counts = simulator.until(lambda counts: counts["by_status"] == {"200": STREAMS})
    assert counts["most_concurrent"] > STREAMS // 2
    asked = {request.body["messages"][-1]["content"] for request in simulator.requests}
    assert asked == {f"word {number}" for number in range(STREAMS)}


async def test_fifty_anthropic_streams(async_anthropic, services, simulator):
    async def read(number: int) -> tuple[str, int]:
        async with async_anthropic.messages.stream(
            model=services["steady"], max_tokens=500, messages=[{"role": "user", "content": f"word {number}"}]
        ) as stream:
            final = await stream.get_final_message()
        return final.content[0].text, final.usage.output_tokens

    answers = await asyncio.gather(*(read(number) for number in range(STREAMS)))
    assert {answer[1] for answer in answers} == {40}
    assert len({answer[0] for answer in answers}) == 1
    simulator.until(lambda counts: counts["by_status"] == {"200": STREAMS})
