"""Translated streams read by the official clients over a transport that never leaves the process."""

import anthropic
import httpx2
import openai
import pytest
from tests.wire.translate.sdk_reading import recorded, relayed

from tidegate.wire.translate.chat_stream import ChatStream
from tidegate.wire.translate.messages_stream import MessagesStream
from tidegate.wire.translate.tools import ToolNames

MESSAGES = [{"role": "user", "content": "hi"}]


def _transport(body: bytes) -> httpx2.Client:
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    return httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))


@pytest.fixture
def chat():
    opened = []

    def open_stream(name):
        body = relayed(ChatStream(wants_usage=True, has_output_tool=False, created=1), recorded(name))
        client = openai.OpenAI(
            api_key="x", base_url="http://gateway.test/v1", http_client=_transport(body), max_retries=0
        )
        opened.append(client)
        return client.chat.completions.create(model="svc", messages=MESSAGES, stream=True)

    yield open_stream
    for client in opened:
        client.close()


@pytest.fixture
def messages():
    opened = []

    def open_stream(name):
        body = relayed(MessagesStream(names=ToolNames(), stop_sequences=()), recorded(name))
        client = anthropic.Anthropic(
            api_key="x", base_url="http://gateway.test", http_client=_transport(body), max_retries=0
        )
        opened.append(client)
        return client.messages.stream(model="svc", max_tokens=9, messages=MESSAGES)

    yield open_stream
    for client in opened:
        client.close()


def test_the_openai_client_reads_an_anthropic_upstream(chat):
    with chat("anthropic/thinking_tools") as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Looking it up."
    assert chunks[-1].usage.completion_tokens == 89


def test_the_openai_client_raises_on_an_error_midway(chat):
    with chat("anthropic/error_midway") as stream, pytest.raises(openai.APIError, match="Overloaded"):
        list(stream)


def test_the_anthropic_client_reads_an_openai_upstream(messages):
    with messages("openai/interleaved_tools") as stream:
        answer = stream.get_final_message()
    assert [block.type for block in answer.content] == ["text", "tool_use", "tool_use"]
    assert answer.content[2].input == {"zone": "CET"}
    assert answer.stop_reason == "tool_use"


def test_the_anthropic_client_raises_on_an_error_midway(messages):
    with messages("openai/error_midway") as stream, pytest.raises(anthropic.APIError, match="had an error"):
        stream.get_final_message()
