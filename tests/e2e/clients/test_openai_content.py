"""The official OpenAI client: tools, structured output and pictures, over either upstream."""

from __future__ import annotations

import json

import pydantic
import pytest
from tests.e2e.clients.services import PARIS, ROME

ASK = [{"role": "user", "content": "What is the weather?"}]


def tool(name: str, argument: str) -> dict:
    schema = {
        "type": "object",
        "properties": {argument: {"type": "string"}},
        "required": [argument],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": "Looks it up.", "parameters": schema}}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Person(pydantic.BaseModel):
    name: str
    age: int
    nicknames: list[str]


def calls_of(message) -> list[tuple[str, dict]]:
    return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]


def test_a_tool_call(openai_client, services):
    answer = openai_client.chat.completions.create(model=services["one-tool"], messages=ASK, tools=TOOLS)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert calls_of(answer.choices[0].message) == [("get_weather", PARIS)]
    assert answer.choices[0].message.tool_calls[0].type == "function"


def test_parallel_calls_and_their_results(openai_client, services, simulator):
    first = openai_client.chat.completions.create(model=services["many-tools"], messages=ASK, tools=TOOLS)
    message = first.choices[0].message
    assert calls_of(message) == [("get_weather", PARIS), ("get_weather", ROME), ("get_time", {"zone": "CET"})]
    assert len({call.id for call in message.tool_calls}) == 3
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"sunny {place}"}
        for place, call in enumerate(message.tool_calls)
    ]
    second = openai_client.chat.completions.create(
        model=services["many-tools"], messages=[*ASK, message, *results], tools=TOOLS
    )
    assert second.choices[0].message.content == "It is sunny in both."
    assert second.choices[0].finish_reason == "stop"
    sent = json.dumps(simulator.last)
    assert all(sent.count(call.id) == 2 for call in message.tool_calls)  # the call and its result
    assert [sent.index(f"sunny {place}") for place in range(3)] == sorted(sent.index(f"sunny {n}") for n in range(3))


def test_streamed_calls_accumulate(openai_client, services):
    with openai_client.chat.completions.stream(model=services["many-tools"], messages=ASK, tools=TOOLS) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    assert calls_of(final.choices[0].message) == [
        ("get_weather", PARIS),
        ("get_weather", ROME),
        ("get_time", {"zone": "CET"}),
    ]
    assert final.choices[0].finish_reason == "tool_calls"
    deltas = [event for event in events if event.type == "tool_calls.function.arguments.delta"]
    assert len(deltas) > 3  # in fragments
    assert {event.index for event in deltas} == {0, 1, 2}


def test_fragments_name_the_call_only_once(openai_client, services):
    with openai_client.chat.completions.create(
        model=services["one-tool"], messages=ASK, tools=TOOLS, stream=True
    ) as stream:
        fragments = [part for chunk in stream for choice in chunk.choices for part in choice.delta.tool_calls or ()]
    assert [(part.id is not None, part.function.name) for part in fragments if part.id or part.function.name] == [
        (True, "get_weather")
    ]
    assert json.loads("".join(part.function.arguments or "" for part in fragments)) == PARIS


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_time"}}])
def test_a_call_can_be_demanded(openai_client, services, choice):
    answer = openai_client.chat.completions.create(
        model=services["plain"], messages=ASK, tools=TOOLS, tool_choice=choice
    )
    expected = "get_weather" if choice == "required" else "get_time"
    assert [name for name, _ in calls_of(answer.choices[0].message)] == [expected]


def test_no_call_when_none_is_wanted(openai_client, services):
    answer = openai_client.chat.completions.create(
        model=services["one-tool"], messages=ASK, tools=TOOLS, tool_choice="none"
    )
    assert answer.choices[0].message.tool_calls is None


def test_one_call_at_a_time_is_passed_on(openai_client, services, simulator):
    openai_client.chat.completions.create(
        model=services["one-tool"], messages=ASK, tools=TOOLS, parallel_tool_calls=False
    )
    sent = simulator.last
    assert sent.get("parallel_tool_calls") is False or sent["tool_choice"]["disable_parallel_tool_use"] is True


def test_parse_gives_the_declared_type(openai_client, services):
    answer = openai_client.chat.completions.parse(model=services["structured"], messages=ASK, response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.tool_calls is None


def test_a_streamed_schema_parses(openai_client, services):
    with openai_client.chat.completions.stream(
        model=services["structured"], messages=ASK, response_format=Person
    ) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Person)


def test_any_json_object(openai_client, services):
    answer = openai_client.chat.completions.create(
        model=services["structured"], messages=ASK, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_parsed_tool_arguments(openai_client, services):
    import openai

    class Weather(pydantic.BaseModel):
        city: str

    answer = openai_client.chat.completions.parse(
        model=services["one-tool"], messages=ASK, tools=[openai.pydantic_function_tool(Weather, name="get_weather")]
    )
    assert answer.choices[0].message.tool_calls[0].function.parsed_arguments == Weather(city="Paris")


@pytest.mark.parametrize("url", [f"data:image/png;base64,{PIXEL}", "https://images.example/tide.png"])
def test_pictures(openai_client, services, simulator, upstream, url):
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    openai_client.chat.completions.create(model=services["plain"], messages=[{"role": "user", "content": content}])
    part = simulator.last["messages"][-1]["content"][1]
    if upstream == "openai":
        assert part == {"type": "image_url", "image_url": {"url": url}}
    elif url.startswith("data:"):
        assert part["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
    else:
        assert part["source"] == {"type": "url", "url": url}
