"""The official OpenAI client: chat, whole and streamed, over either upstream."""

from __future__ import annotations

import time

from tests.e2e.clients.services import ANSWER, FEW_SHOT, PROVIDER_KEY, SYSTEM, version_of

HELLO = [{"role": "user", "content": "Hello"}]


def system_of(body) -> str:
    """The system prompt that an upstream of either dialect received."""
    if "system" in body:
        return body["system"] if isinstance(body["system"], str) else "\n\n".join(b["text"] for b in body["system"])
    return "\n\n".join(m["content"] for m in body["messages"] if m["role"] == "system")


def turns_of(body) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in body["messages"] if m["role"] != "system"]


def test_a_whole_answer(openai_client, services):
    before = int(time.time())
    answer = openai_client.chat.completions.create(model=services["plain"], messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.model == "plain"
    assert answer.id
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert before - 1 <= answer.created <= time.time() + 1


def test_chunks_of_a_stream(openai_client, services):
    before = int(time.time())
    with openai_client.chat.completions.create(model=services["plain"], messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) > 5  # it did stream
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {(chunk.id, chunk.model, chunk.object) for chunk in chunks} == {
        (chunks[0].id, "plain", "chat.completion.chunk")
    }
    assert all(before - 1 <= chunk.created <= time.time() + 1 for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)  # nobody asked for it


def test_the_stream_helper_accumulates(openai_client, services):
    with openai_client.chat.completions.stream(model=services["plain"], messages=HELLO) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    assert [event.type for event in events].count("content.done") == 1
    assert "".join(event.delta for event in events if event.type == "content.delta") == ANSWER
    assert final.choices[0].message.content == ANSWER
    assert final.choices[0].finish_reason == "stop"


def test_a_stream_cut_into_odd_pieces(openai_client, services):
    with openai_client.chat.completions.stream(model=services["in-pieces"], messages=HELLO) as stream:
        assert stream.get_final_completion().choices[0].message.content == ANSWER


def test_usage_whole_and_streamed_agree(openai_client, services, simulator):
    whole = openai_client.chat.completions.create(model=services["plain"], messages=HELLO).usage
    with openai_client.chat.completions.create(
        model=services["plain"], messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert chunks[-1].choices == []
    streamed = chunks[-1].usage
    assert whole.prompt_tokens > 0
    assert whole.completion_tokens > 5
    assert whole.total_tokens == whole.prompt_tokens + whole.completion_tokens
    assert (streamed.prompt_tokens, streamed.completion_tokens) == (whole.prompt_tokens, whole.completion_tokens)
    assert streamed.total_tokens == whole.total_tokens
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_the_versions_prompt_goes_upstream(openai_client, services, simulator):
    messages = [{"role": "system", "content": "Speak as a sailor."}, *HELLO]
    openai_client.chat.completions.create(model=services["prompted"], messages=messages)
    sent = simulator.last
    assert system_of(sent).startswith(SYSTEM)
    assert system_of(sent).endswith("Speak as a sailor.")
    assert turns_of(sent) == [*((m.role, m.content) for m in FEW_SHOT), ("user", "Hello")]
    assert sent["temperature"] == 0.25
    assert sent["model"] == "prompted"


def test_a_developer_message_is_a_system_prompt(openai_client, services, simulator):
    messages = [{"role": "developer", "content": "Be terse."}, *HELLO]
    answer = openai_client.chat.completions.create(model=services["plain"], messages=messages)
    assert answer.choices[0].message.content == ANSWER
    assert "Be terse." in str(simulator.last)


def test_the_keys_of_either_side_stay_on_their_side(openai_client, services, simulator):
    openai_client.chat.completions.create(
        model=services["plain"], messages=HELLO, extra_headers={"cookie": "session=1"}
    )
    sent = simulator.requests[-1].headers
    assert PROVIDER_KEY in (sent.get("x-api-key"), sent.get("authorization", "").removeprefix("Bearer "))
    assert "tg-key" not in str(sent)
    assert "cookie" not in sent


def test_raw_response_headers(openai_client, services, simulator):
    raw = openai_client.chat.completions.with_raw_response.create(model=services["plain"], messages=HELLO)
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse()._request_id == raw.headers["x-request-id"]
    assert raw.headers["x-tidegate-version"] == version_of(services["plain"])
    assert raw.headers["x-tidegate-variant"] == "stable"
    assert raw.headers["x-tidegate-attempts"] == "1"
    assert raw.headers["x-upstream-request-id"] == f"req_{simulator.requests[-1].number:08d}"
    assert raw.headers["content-type"].startswith("application/json")


def test_headers_of_a_stream(openai_client, services):
    with openai_client.chat.completions.with_streaming_response.create(
        model=services["plain"], messages=HELLO, stream=True
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["x-tidegate-version"] == version_of(services["plain"])
        assert "content-encoding" not in raw.headers
        lines = [line for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


def test_an_answer_cut_by_the_token_limit(openai_client, services):
    answer = openai_client.chat.completions.create(model=services["plain"], messages=HELLO, max_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert ANSWER.startswith(answer.choices[0].message.content)
    with openai_client.chat.completions.stream(model=services["cut-short"], messages=HELLO) as stream:
        kinds = [event.type for event in stream]
    assert "content.delta" in kinds


def test_a_refusal(openai_client, services):
    answer = openai_client.chat.completions.create(model=services["refusing"], messages=HELLO)
    message = answer.choices[0].message
    assert message.refusal  # the place where callers look
    assert "I would rather not." in f"{message.refusal} {message.content}"


def test_a_filtered_answer(openai_client, services):
    answer = openai_client.chat.completions.create(model=services["filtered-answer"], messages=HELLO)
    assert answer.choices[0].finish_reason == "content_filter"


def test_reasoning_reaches_a_client_of_the_same_dialect_alone(openai_client, services, upstream):
    expected = "First one thing, then another." if upstream == "openai" else ""
    message = openai_client.chat.completions.create(model=services["reasoning"], messages=HELLO).choices[0].message
    assert (getattr(message, "reasoning_content", ""), message.content) == (expected, ANSWER)
    with openai_client.chat.completions.create(model=services["reasoning"], messages=HELLO, stream=True) as stream:
        deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == expected
    assert "".join(delta.content or "" for delta in deltas) == ANSWER


def test_a_rescued_request_says_how_often_it_was_tried(openai_client, services):
    raw = openai_client.chat.completions.with_raw_response.create(model=services["rescued"], messages=HELLO)
    assert raw.parse().choices[0].message.content == ANSWER
    assert int(raw.headers["x-tidegate-attempts"]) >= 2


def test_several_choices(openai_client):
    answer = openai_client.chat.completions.create(model="plain-on-openai", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    with openai_client.chat.completions.stream(model="plain-on-openai", messages=HELLO, n=2) as stream:
        assert [choice.message.content for choice in stream.get_final_completion().choices] == [ANSWER, ANSWER]


async def test_the_asynchronous_client(async_openai, services):
    answer = await async_openai.chat.completions.create(model=services["plain"], messages=HELLO)
    assert answer.choices[0].message.content == ANSWER
    async with async_openai.chat.completions.stream(model=services["plain"], messages=HELLO) as stream:
        text = "".join([event.delta async for event in stream if event.type == "content.delta"])
    assert text == ANSWER
