"""The official OpenAI client: its endpoints besides chat."""

from __future__ import annotations

import openai
import pydantic
import pytest
from tests.e2e.clients.services import ANSWER, BEHAVIOURS, PARIS, SYSTEM, UPSTREAMS, service_name

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Person(pydantic.BaseModel):
    name: str
    age: int


def test_embeddings(openai_client):
    answer = openai_client.embeddings.create(model="plain-on-openai", input=["one", "two", "one"], dimensions=8)
    vectors = [item.embedding for item in answer.data]
    assert [len(vector) for vector in vectors] == [8, 8, 8]
    assert vectors[0] == vectors[2] != vectors[1]
    assert answer.usage.prompt_tokens > 0
    assert answer.model == "plain"


def test_embeddings_as_plain_numbers(openai_client):
    answer = openai_client.embeddings.create(model="plain-on-openai", input="one", encoding_format="float")
    assert sum(value * value for value in answer.data[0].embedding) == pytest.approx(1)


def test_completions_whole_and_streamed(openai_client):
    answer = openai_client.completions.create(model="plain-on-openai", prompt="Hello")
    assert answer.choices[0].text == ANSWER
    assert answer.usage.completion_tokens > 5
    with openai_client.completions.create(model="plain-on-openai", prompt="Hello", stream=True) as stream:
        assert "".join(chunk.choices[0].text for chunk in stream) == ANSWER


def test_responses_whole(openai_client, simulator):
    answer = openai_client.responses.create(model="prompted-on-openai", input="Hello", instructions="Be kind.")
    assert answer.output_text == ANSWER
    assert answer.status == "completed"
    assert answer.usage.output_tokens > 5
    assert simulator.last["instructions"].startswith(SYSTEM)
    assert simulator.last["instructions"].endswith("Be kind.")


def test_responses_streamed(openai_client):
    with openai_client.responses.stream(model="plain-on-openai", input="Hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
    assert final.output_text == ANSWER
    assert final.usage.output_tokens > 5
    assert events[-1].type == "response.completed"


def test_responses_with_tools_and_their_results(openai_client):
    asked = [{"role": "user", "content": "Weather?"}]
    first = openai_client.responses.create(model="one-tool-on-openai", input=asked, tools=[WEATHER])
    call = next(item for item in first.output if item.type == "function_call")
    assert (call.name, call.arguments.replace(" ", "")) == ("get_weather", '{"city":"Paris"}')
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = openai_client.responses.create(
        model="one-tool-on-openai", input=[*asked, call.to_dict(), result], tools=[WEATHER]
    )
    assert second.output_text == "It is sunny."


def test_responses_stream_a_call(openai_client):
    with openai_client.responses.stream(model="one-tool-on-openai", input="Weather?", tools=[WEATHER]) as stream:
        call = next(item for item in stream.get_final_response().output if item.type == "function_call")
    assert call.parsed_arguments is None or call.parsed_arguments == PARIS
    assert call.name == "get_weather"


def test_responses_parse_a_schema(openai_client):
    answer = openai_client.responses.parse(model="structured-on-openai", input="Who?", text_format=Person)
    assert isinstance(answer.output_parsed, Person)


def test_responses_fail_midway(openai_client):
    with openai_client.responses.create(model="error-midway-on-openai", input="Hello", stream=True) as stream:
        kinds, messages = [], []
        for event in stream:
            kinds.append(event.type)
            if event.type == "error":
                messages.append(event.message)
    assert "response.output_text.delta" in kinds
    assert messages == ["The simulated model is overloaded."]
    assert "response.completed" not in kinds


REFUSED = "cannot be served by a version whose provider speaks the anthropic dialect"


def test_embeddings_towards_anthropic_are_refused(openai_client, simulator):
    with pytest.raises(openai.BadRequestError, match=REFUSED):
        openai_client.embeddings.create(model="plain-on-anthropic", input="one")
    assert simulator.stats()["requests"] == 0


def test_completions_towards_anthropic_are_refused(openai_client):
    with pytest.raises(openai.BadRequestError, match=REFUSED):
        openai_client.completions.create(model="plain-on-anthropic", prompt="one")


def test_responses_towards_anthropic_are_refused(openai_client):
    with pytest.raises(openai.BadRequestError, match=REFUSED):
        openai_client.responses.create(model="plain-on-anthropic", input="one")


def test_the_list_of_models(openai_client):
    listed = [model.id for model in openai_client.models.list()]
    assert listed == sorted(service_name(behaviour, upstream) for behaviour in BEHAVIOURS for upstream in UPSTREAMS)
    assert openai_client.models.retrieve("plain-on-openai").id == "plain-on-openai"
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("nobody")


def test_an_endpoint_we_do_not_have(openai_client):
    with pytest.raises(openai.NotFoundError, match="there is nothing at /v1/moderations"):
        openai_client.moderations.create(input="Hello")
