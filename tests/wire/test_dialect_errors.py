"""Errors in each dialect's words, as the official SDKs read them."""

from __future__ import annotations

import json

import anthropic
import httpx2
import openai
import pytest

from tidegate.wire.dialect_errors import error_body, error_event
from tidegate.wire.kinds import Kind
from tidegate.wire.sse import parse_block


def test_openai_errors_have_four_fields():
    told = json.loads(error_body("openai", 404, "no_such_service", "The service is unknown.", "req_1"))
    assert told == {
        "error": {
            "message": "The service is unknown.",
            "type": "not_found_error",
            "param": None,
            "code": "no_such_service",
        }
    }


def test_anthropic_errors_carry_the_request_id():
    told = json.loads(error_body("anthropic", 404, "no_such_service", "The service is unknown.", "req_1"))
    assert told == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "The service is unknown."},
        "request_id": "req_1",
    }
    assert "request_id" not in json.loads(error_body("anthropic", 404, "x", "m"))


@pytest.mark.parametrize(
    ("status", "openai_type", "anthropic_type"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "permission_error", "permission_error"),
        (413, "invalid_request_error", "request_too_large"),
        (418, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ],
)
def test_each_dialect_names_its_own_types(status, openai_type, anthropic_type):
    assert json.loads(error_body("openai", status, "c", "m"))["error"]["type"] == openai_type
    assert json.loads(error_body("anthropic", status, "c", "m"))["error"]["type"] == anthropic_type


def test_messages_are_escaped():
    assert json.loads(error_body("openai", 400, "c", 'a "quote"\n€'))["error"]["message"] == 'a "quote"\n€'


@pytest.mark.parametrize("source", ["openai", Kind.CHAT, Kind.COMPLETIONS])
def test_an_openai_stream_ends_with_an_error_and_no_terminator(source):
    event = error_event(source, 502, "truncated", "cut")
    assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "truncated"
    assert b"[DONE]" not in event
    assert event.endswith(b"\n\n")


@pytest.mark.parametrize("source", ["anthropic", Kind.MESSAGES])
def test_an_anthropic_stream_ends_with_an_error_event(source):
    event = parse_block(error_event(source, 529, "overloaded", "busy"))
    assert event.event == b"error"
    assert json.loads(event.data) == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


def test_a_response_stream_ends_with_response_failed():
    event = parse_block(error_event(Kind.RESPONSES, 502, "truncated", "cut"))
    told = json.loads(event.data)
    assert event.event == b"response.failed"
    assert (told["type"], told["response"]["status"]) == ("response.failed", "failed")
    assert told["response"]["error"] == {"code": "truncated", "message": "cut"}


def stream_of(body):
    headers = {"content-type": "text/event-stream"}
    return httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=body))


def test_the_openai_sdk_raises_on_our_event():
    transport = stream_of(error_event("openai", 502, "truncated", "cut short"))
    with openai.OpenAI(api_key="k", base_url="http://t/v1", http_client=httpx2.Client(transport=transport)) as client:
        stream = client.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError, match="cut short"):
            list(stream)


def test_the_anthropic_sdk_raises_on_our_event():
    transport = stream_of(error_event("anthropic", 529, "overloaded", "busy now"))
    with anthropic.Anthropic(
        api_key="k", base_url="http://t", http_client=httpx2.Client(transport=transport)
    ) as client:
        stream = client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
        with pytest.raises(anthropic.APIStatusError, match="busy now"):
            list(stream)


def test_a_client_is_told_to_go_on_without_threads_in_the_place_it_looks():
    import json

    body = json.loads(error_body("anthropic", 400, "thread_unsupported_request", "no threads here"))
    assert body["error"]["details"] == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert "details" not in json.loads(error_body("anthropic", 400, "malformed_body", "no"))["error"]
