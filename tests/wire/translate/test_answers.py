"""Whole answers, both ways."""

import json

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion

from tidegate.wire.translate.chat_answer import chat_answer
from tidegate.wire.translate.messages_answer import messages_answer
from tidegate.wire.translate.tools import ToolNames
from tidegate.wire.usage import Usage


def _message(content, stop_reason="end_turn", **fields):
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }
    return json.dumps(
        body
        | {
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 2,
                "cache_read_input_tokens": 5,
                "output_tokens": 7,
            }
        }
        | fields
    ).encode()


def _completion(message, finish_reason="stop", **choice):
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x",
        "choices": [{"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish_reason} | choice],
    }
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 9,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 16},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    return json.dumps(body | {"usage": usage}).encode()


def _as_chat(body, *, has_output_tool=False):
    answer = chat_answer(body, has_output_tool=has_output_tool, created=5)
    assert answer.is_whole
    return answer, ChatCompletion.model_validate_json(answer.body, strict=True)


def _as_message(body, stop_sequences=("END",)):
    answer = messages_answer(body, names=ToolNames(), stop_sequences=stop_sequences)
    assert answer.is_whole
    return answer, Message.model_validate_json(answer.body, strict=True)


def test_text_and_usage_become_a_completion():
    answer, completion = _as_chat(_message([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))
    assert completion.choices[0].message.content == "ab"
    assert completion.choices[0].finish_reason == answer.finish_reason == "stop"
    assert (completion.id, completion.model, completion.created) == ("chatcmpl-msg_1", "claude-x", 5)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.total_tokens) == (
        17,
        7,
        24,
    )
    assert completion.usage.prompt_tokens_details.cached_tokens == 5
    assert answer.usage == Usage(17, 7, 5, -1)
    assert answer.model == "claude-x"


def test_thinking_stays_behind():
    answer, completion = _as_chat(
        _message([{"type": "thinking", "thinking": "THOUGHT", "signature": "SIG"}, {"type": "text", "text": "a"}])
    )
    assert completion.choices[0].message.content == "a"
    assert b"THOUGHT" not in answer.body
    assert b"SIG" not in answer.body


def test_tool_use_becomes_tool_calls_without_content():
    content = [
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": "é"}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
    ]
    _, completion = _as_chat(_message(content, "tool_use"))
    calls = completion.choices[0].message.tool_calls
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("toolu_1", "f", {"x": "é"}),
        ("toolu_2", "g", {}),
    ]
    assert completion.choices[0].message.content is None
    assert completion.choices[0].finish_reason == "tool_calls"


def test_the_output_tool_is_unwrapped_to_text():
    content = [
        {"type": "text", "text": "Sure:"},
        {"type": "tool_use", "id": "t", "name": "tidegate_json_output", "input": {"n": 1}},
    ]
    answer, completion = _as_chat(_message(content, "tool_use"), has_output_tool=True)
    assert json.loads(completion.choices[0].message.content) == {"n": 1}
    assert completion.choices[0].message.tool_calls is None
    assert answer.finish_reason == "stop"


def test_a_clients_tool_beside_the_output_tool_stays_a_call():
    content = [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]
    answer, completion = _as_chat(_message(content, "tool_use"), has_output_tool=True)
    assert completion.choices[0].message.tool_calls[0].function.name == "f"
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("new_reason", "stop"),
    ],
)
def test_stop_reasons_become_finish_reasons(reason, expected):
    assert _as_chat(_message([{"type": "text", "text": "a"}], reason))[1].choices[0].finish_reason == expected


def test_a_refusal_fills_the_refusal_field():
    answer, completion = _as_chat(
        _message([], "refusal", stop_details={"type": "refusal", "category": None, "explanation": "No bio."})
    )
    assert completion.choices[0].message.refusal == "No bio."
    assert answer.is_refused


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{}", b'{"type":"error","error":{}}', b'{"type":"message","content":"x"}', b"\xff", b"[" * 5000],
)
def test_what_is_no_message_is_not_whole(body):
    answer = chat_answer(body, has_output_tool=False, created=0)
    assert not answer.is_whole
    assert json.loads(answer.body)["error"]["code"] == "malformed_answer"


def test_text_and_usage_become_a_message():
    answer, message = _as_message(_completion({"content": "hello", "refusal": None, "reasoning_content": "THOUGHT"}))
    assert [block.text for block in message.content] == ["hello"]
    assert message.stop_reason == answer.finish_reason == "end_turn"
    assert (message.id, message.model) == ("msg_chatcmpl-1", "gpt-x")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        4,
        16,
        9,
    )
    assert answer.usage == Usage(20, 9, 16, 4)
    assert b"THOUGHT" not in answer.body


@pytest.mark.parametrize("finish_reason", ["tool_calls", "stop"])
def test_tool_calls_become_tool_use_whatever_the_reason_says(finish_reason):
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b:1", "type": "function", "function": {"name": "g", "arguments": "oops"}},
    ]
    _, message = _as_message(_completion({"content": None, "tool_calls": calls}, finish_reason))
    assert [(block.name, block.input) for block in message.content] == [
        ("f", {"x": 1}),
        ("g", {"INVALID_JSON": "oops"}),
    ]
    assert message.stop_reason == "tool_use"
    assert ":" not in message.content[1].id


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("function_call", "tool_use"),
        ("eos", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_finish_reasons_become_stop_reasons(reason, expected):
    answer, message = _as_message(_completion({"content": "a"}, reason))
    assert message.stop_reason == expected
    assert answer.is_filtered == (reason == "content_filter")


def test_a_matched_stop_sequence_is_named():
    _, message = _as_message(_completion({"content": "a"}, stop_reason="END"))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")
    assert _as_message(_completion({"content": "a"}, stop_reason=1234))[1].stop_sequence is None


def test_a_refusal_is_text_with_the_refusal_reason():
    answer, message = _as_message(_completion({"content": None, "refusal": "no"}))
    assert message.content[0].text == "no"
    assert message.stop_reason == "refusal"
    assert message.stop_details.explanation == "no"
    assert answer.is_refused


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"choices":[]}', b'{"choices":[{"index":0}]}', b'{"choices":7}', b'{"error":{"message":"x"}}'],
)
def test_what_is_no_completion_is_not_whole(body):
    answer = messages_answer(body, names=ToolNames(), stop_sequences=())
    assert not answer.is_whole
    assert json.loads(answer.body)["type"] == "error"
