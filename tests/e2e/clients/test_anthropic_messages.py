"""The official Anthropic client: messages, whole and streamed, over either upstream."""

from __future__ import annotations

import anthropic
import pytest
from tests.e2e.clients.services import (
    ANSWER,
    BEHAVIOURS,
    FEW_SHOT,
    PROVIDER_KEY,
    SYSTEM,
    UPSTREAMS,
    service_name,
    version_of,
)

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client, model, **settings):
    return client.messages.create(**({"model": model, "max_tokens": 200, "messages": HELLO} | settings))


def stream(client, model, **settings):
    return client.messages.stream(**({"model": model, "max_tokens": 200, "messages": HELLO} | settings))


def test_a_whole_answer(anthropic_client, services):
    answer = ask(anthropic_client, services["plain"])
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "plain")
    assert [block.type for block in answer.content] == ["text"]
    assert answer.content[0].text == ANSWER
    assert answer.stop_reason == "end_turn"
    assert answer.id


def test_events_of_a_stream_come_in_their_order(anthropic_client, services):
    with ask(anthropic_client, services["plain"], stream=True) as events:
        kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_delta") > 5  # it did stream


def test_the_stream_helper_accumulates(anthropic_client, services):
    with stream(anthropic_client, services["plain"]) as running:
        text = "".join(running.text_stream)
        final = running.get_final_message()
    assert text == final.content[0].text == ANSWER
    assert final.stop_reason == "end_turn"


def test_a_stream_cut_into_odd_pieces(anthropic_client, services):
    with stream(anthropic_client, services["in-pieces"]) as running:
        assert running.get_final_text() == ANSWER


def test_usage_whole_and_streamed_agree(anthropic_client, services):
    whole = ask(anthropic_client, services["plain"]).usage
    with stream(anthropic_client, services["plain"]) as running:
        streamed = running.get_final_message().usage
    assert whole.input_tokens > 0
    assert whole.output_tokens > 5
    assert streamed.output_tokens == whole.output_tokens
    assert streamed.input_tokens == whole.input_tokens


def test_the_versions_prompt_goes_upstream(anthropic_client, services, simulator):
    ask(anthropic_client, services["prompted"], system="Speak as a sailor.")
    sent = simulator.last
    if "system" in sent:
        systems = [sent["system"]] if isinstance(sent["system"], str) else [block["text"] for block in sent["system"]]
    else:
        systems = [message["content"] for message in sent["messages"] if message["role"] == "system"]
    assert systems[0].startswith(SYSTEM)
    assert systems[-1].endswith("Speak as a sailor.")
    turns = [(message["role"], message["content"]) for message in sent["messages"] if message["role"] != "system"]
    assert turns == [*((message.role, message.content) for message in FEW_SHOT), ("user", "Hello")]
    assert (sent["temperature"], sent["model"]) == (0.25, "prompted")


def test_the_keys_of_either_side_stay_on_their_side(anthropic_client, services, simulator):
    ask(anthropic_client, services["plain"], extra_headers={"cookie": "session=1"})
    sent = simulator.requests[-1].headers
    assert PROVIDER_KEY in (sent.get("x-api-key"), sent.get("authorization", "").removeprefix("Bearer "))
    assert "tg-key" not in str(sent)
    assert "cookie" not in sent


def test_raw_response_headers(anthropic_client, services, simulator):
    raw = anthropic_client.messages.with_raw_response.create(model=services["plain"], max_tokens=200, messages=HELLO)
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    assert raw.parse()._request_id == raw.headers["request-id"]
    assert raw.headers["x-tidegate-version"] == version_of(services["plain"])
    assert raw.headers["x-tidegate-variant"] == "stable"
    assert raw.headers["x-upstream-request-id"] == f"req_{simulator.requests[-1].number:08d}"


def test_an_answer_cut_by_the_token_limit(anthropic_client, services):
    answer = ask(anthropic_client, services["plain"], max_tokens=3)
    assert answer.stop_reason == "max_tokens"
    assert ANSWER.startswith(answer.content[0].text)


@pytest.mark.parametrize("behaviour", ["refusing", "filtered-answer"])
def test_a_refusal(anthropic_client, services, behaviour):
    assert ask(anthropic_client, services[behaviour]).stop_reason == "refusal"
    with stream(anthropic_client, services[behaviour]) as running:
        assert running.get_final_message().stop_reason == "refusal"


def test_thinking_reaches_a_client_of_the_same_dialect_alone(anthropic_client, services, upstream):
    expected = ["thinking", "text"] if upstream == "anthropic" else ["text"]
    whole = ask(anthropic_client, services["reasoning"])
    with stream(anthropic_client, services["reasoning"]) as running:
        streamed = running.get_final_message()
    for answer in (whole, streamed):
        assert [block.type for block in answer.content] == expected
        assert answer.content[-1].text == ANSWER
    if upstream == "anthropic":
        assert streamed.content[0].signature == whole.content[0].signature != ""


def test_a_rescued_request_says_how_often_it_was_tried(anthropic_client, services):
    raw = anthropic_client.messages.with_raw_response.create(model=services["rescued"], max_tokens=200, messages=HELLO)
    assert raw.parse().content[0].text == ANSWER
    assert int(raw.headers["x-tidegate-attempts"]) >= 2


def test_count_tokens(anthropic_client, services, simulator, upstream):
    counted = anthropic_client.messages.count_tokens(model=services["plain"], messages=HELLO, system="Be kind.")
    more = anthropic_client.messages.count_tokens(
        model=services["plain"], messages=[{"role": "user", "content": "Hello " * 200}], system="Be kind."
    )
    assert 1 <= counted.input_tokens < more.input_tokens
    asked = [request.path for request in simulator.requests]  # OpenAI has no such endpoint, so it is never asked
    assert asked == (["/v1/messages/count_tokens"] * 2 if upstream == "anthropic" else [])


def test_the_list_of_models(anthropic_client):
    listed = [model.id for model in anthropic_client.models.list(limit=1000)]
    assert listed == sorted(service_name(behaviour, upstream) for behaviour in BEHAVIOURS for upstream in UPSTREAMS)
    assert anthropic_client.models.retrieve("plain-on-openai").display_name == "plain-on-openai"
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.models.retrieve("nobody")


async def test_the_asynchronous_client(async_anthropic, services):
    answer = await ask(async_anthropic, services["plain"])
    assert answer.content[0].text == ANSWER
    async with stream(async_anthropic, services["plain"]) as running:
        assert "".join([text async for text in running.text_stream]) == ANSWER


def test_beta_endpoints_and_their_headers(anthropic_client, services, simulator, upstream):
    answer = anthropic_client.beta.messages.create(
        model=services["plain"], max_tokens=200, messages=HELLO, betas=["context-1m-2025-08-07"]
    )
    assert answer.content[0].text == ANSWER
    sent = simulator.requests[-1].headers  # a beta of one provider means nothing to another
    assert sent.get("anthropic-beta") == ("context-1m-2025-08-07" if upstream == "anthropic" else None)


def test_the_tool_runner(anthropic_client, services):
    from anthropic import beta_tool

    seen = []

    @beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city."""
        seen.append(city)
        return "sunny"

    runner = anthropic_client.beta.messages.tool_runner(
        model=services["one-tool"], max_tokens=500, messages=HELLO, tools=[get_weather]
    )
    assert runner.until_done().content[0].text == "It is sunny."
    assert seen == ["Paris"]
