"""The official Anthropic client: tools, structured output and pictures, over either upstream."""

from __future__ import annotations

import json

import pydantic
import pytest
from tests.e2e.clients.services import PARIS, ROME

ASK = [{"role": "user", "content": "What is the weather?"}]
EXPECTED = [("get_weather", PARIS), ("get_weather", ROME), ("get_time", {"zone": "CET"})]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DATA_SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}
URL_SOURCE = {"type": "url", "url": "https://images.example/tide.png"}


def tool(name: str, argument: str) -> dict:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return {"name": name, "description": "Looks it up.", "input_schema": schema}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]


class Person(pydantic.BaseModel):
    name: str
    age: int


def ask(client, model, **settings):
    return client.messages.create(**({"model": model, "max_tokens": 500, "messages": ASK, "tools": TOOLS} | settings))


def calls_of(message) -> list[tuple[str, dict]]:
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def test_a_tool_call(anthropic_client, services):
    answer = ask(anthropic_client, services["one-tool"])
    assert answer.stop_reason == "tool_use"
    assert calls_of(answer) == EXPECTED[:1]


def test_parallel_calls_and_their_results(anthropic_client, services, simulator):
    first = ask(anthropic_client, services["many-tools"])
    assert calls_of(first) == EXPECTED
    calls = [block for block in first.content if block.type == "tool_use"]
    assert len({call.id for call in calls}) == 3
    results = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": "sunny 0"},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": [{"type": "text", "text": "sunny 1"}]},
        {"type": "tool_result", "tool_use_id": calls[2].id, "content": "no clock", "is_error": True},
    ]
    messages = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = ask(anthropic_client, services["many-tools"], messages=messages)
    assert second.content[0].text == "It is sunny in both."
    assert second.stop_reason == "end_turn"
    sent = json.dumps(simulator.last)
    assert all(sent.count(call.id) == 2 for call in calls)  # the call and its result
    assert sent.index("sunny 0") < sent.index("sunny 1") < sent.index("no clock")


def test_streamed_calls_accumulate(anthropic_client, services):
    with anthropic_client.messages.stream(
        model=services["many-tools"], max_tokens=500, messages=ASK, tools=TOOLS
    ) as stream:
        fragments = [event for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert calls_of(final) == EXPECTED
    assert final.stop_reason == "tool_use"
    assert len(fragments) > 3
    assert fragments[-1].snapshot == {"zone": "CET"}


@pytest.mark.parametrize(
    ("choice", "expected"), [({"type": "any"}, "get_weather"), ({"type": "tool", "name": "get_time"}, "get_time")]
)
def test_a_call_can_be_demanded(anthropic_client, services, choice, expected):
    answer = ask(anthropic_client, services["plain"], tool_choice=choice)
    assert [name for name, _ in calls_of(answer)] == [expected]


def test_no_call_when_none_is_wanted(anthropic_client, services):
    assert calls_of(ask(anthropic_client, services["one-tool"], tool_choice={"type": "none"})) == []


def test_a_long_tool_name_comes_back_whole(anthropic_client, services):
    name = "look_up_the_weather_" * 5
    answer = ask(
        anthropic_client, services["plain"], tools=[tool(name, "city")], tool_choice={"type": "tool", "name": name}
    )
    assert [called for called, _ in calls_of(answer)] == [name]


def test_parse_gives_the_declared_type(anthropic_client, services):
    answer = anthropic_client.messages.parse(
        model=services["structured"], max_tokens=500, messages=ASK, output_format=Person
    )
    assert isinstance(answer.parsed_output, Person)
    assert answer.stop_reason == "end_turn"


def test_a_streamed_schema_parses(anthropic_client, services):
    with anthropic_client.messages.stream(
        model=services["structured"], max_tokens=500, messages=ASK, output_format=Person
    ) as stream:
        assert isinstance(stream.get_final_message().parsed_output, Person)


@pytest.mark.parametrize("source", [DATA_SOURCE, URL_SOURCE], ids=["data", "url"])
def test_pictures(anthropic_client, services, simulator, upstream, source):
    content = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    ask(anthropic_client, services["plain"], messages=[{"role": "user", "content": content}])
    part = simulator.last["messages"][-1]["content"][1]
    if upstream == "anthropic":
        assert part == {"type": "image", "source": source}
    else:
        url = source.get("url") or f"data:image/png;base64,{PIXEL}"
        assert part["image_url"]["url"] == url


def test_a_document(anthropic_client, services, simulator):
    source = {"type": "text", "media_type": "text/plain", "data": "High water at noon."}
    content = [{"type": "document", "source": source}, {"type": "text", "text": "When?"}]
    answer = ask(anthropic_client, services["structured"], messages=[{"role": "user", "content": content}])
    assert answer.content[0].text == "Ada"
    assert "High water at noon." in json.dumps(simulator.last)
