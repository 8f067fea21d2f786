"""The text of an answer: the same whether it came whole or as a stream, from each endpoint."""

from __future__ import annotations

import httpx2
import pytest

from tidegate.simulator import Simulator
from tidegate.wire.answer_text import answer_text
from tidegate.wire.kinds import KINDS_BY_PATH, Kind

MESSAGES = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 99}
CHAT_TOOL = {"type": "function", "function": {"name": "pay", "parameters": {"type": "object"}}}
REQUESTS = [
    ("/v1/chat/completions", MESSAGES, CHAT_TOOL),
    ("/v1/completions", {"prompt": "hi"}, None),
    ("/v1/responses", {"input": "hi"}, {"type": "function", "name": "pay", "parameters": {"type": "object"}}),
    ("/v1/messages", MESSAGES, {"name": "pay", "input_schema": {"type": "object"}}),
]


async def ask(path: str, body: dict, **behaviour) -> list[str | None]:
    """The text whole and streamed."""
    async with Simulator({"models": {"*": behaviour}}) as sim, httpx2.AsyncClient(trust_env=False) as client:
        found = []
        for stream in (False, True):
            sent = {"model": "m", "stream": stream, **body}
            answer = await client.post(sim.url + path, json=sent, headers={"anthropic-version": "2023-06-01"})
            found.append(answer_text(KINDS_BY_PATH[path], answer.content, is_stream=stream))
        return found


@pytest.mark.parametrize(("path", "body", "tool"), REQUESTS, ids=lambda part: str(part)[:20])
async def test_text_is_the_same_whole_and_streamed(path, body, tool):
    assert await ask(path, body, answer="Grüße, it is on its way.") == ["Grüße, it is on its way."] * 2


@pytest.mark.parametrize(("path", "body", "tool"), [each for each in REQUESTS if each[2]], ids=lambda p: str(p)[:20])
async def test_tool_calls_are_part_of_it(path, body, tool):
    calls = [{"name": "pay", "arguments": {"sum": 5, "for": "tea"}}]
    whole, streamed = await ask(path, {**body, "tools": [tool]}, answer="", tool_calls=calls)
    assert whole == streamed
    assert whole.strip() == '[call pay {"for":"tea","sum":5}]'


@pytest.mark.parametrize(
    ("kind", "body", "is_stream"),
    [
        (Kind.CHAT, b"no json", False),
        (Kind.CHAT, b'{"choices":7}', False),
        (Kind.CHAT, b"data: {broken\n\n", True),
        (Kind.EMBEDDINGS, b'{"data":[]}', False),
        (Kind.MESSAGES, b"[]", False),
    ],
)
def test_what_cannot_be_read_has_no_text(kind, body, is_stream):
    assert answer_text(kind, body, is_stream=is_stream) is None
