"""Whole answers of every endpoint."""

from __future__ import annotations

import json

import pytest

from tidegate.wire.answers import read_answer
from tidegate.wire.kinds import Kind
from tidegate.wire.usage import Usage

COMPLETION = {
    "id": "c",
    "model": "gpt-x",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": None}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
}
MESSAGE = {
    "type": "message",
    "model": "claude-x",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 7, "output_tokens": 2},
}
RESPONSE = {
    "model": "gpt-x",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {"input_tokens": 5, "output_tokens": 6, "output_tokens_details": {"reasoning_tokens": 1}},
}
EMBEDDINGS = {
    "model": "e",
    "data": [{"index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}


def read(kind, value):
    return read_answer(kind, json.dumps(value).encode())


@pytest.mark.parametrize(
    ("kind", "value", "usage", "reason", "model"),
    [
        (Kind.CHAT, COMPLETION, Usage(9, 2, 4, -1), "stop", "gpt-x"),
        (Kind.MESSAGES, MESSAGE, Usage(20, 2, 7, -1), "end_turn", "claude-x"),
        (Kind.RESPONSES, RESPONSE, Usage(5, 6, -1, 1), "completed", "gpt-x"),
        (Kind.EMBEDDINGS, EMBEDDINGS, Usage(4, -1, -1, -1), "", "e"),
        (Kind.COMPLETIONS, {"choices": [{"text": "x", "finish_reason": "length"}]}, None, "length", ""),
        (Kind.COUNT_TOKENS, {"input_tokens": 12}, None, "", ""),
    ],
)
def test_a_whole_answer_is_read_and_kept_as_it_came(kind, value, usage, reason, model):
    answer = read(kind, value)
    assert answer.body == json.dumps(value).encode()
    assert (answer.usage, answer.finish_reason, answer.model, answer.is_whole) == (usage, reason, model, True)
    assert not answer.is_refused
    assert not answer.is_filtered


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[]", b"null", b'{"choices":[],"data":[]}', b'{"error":{"message":"m"}}', b'{"a":"\xff"}'],
)
def test_what_has_not_its_endpoint_s_shape_is_not_whole(kind, body):
    answer = read_answer(kind, body)
    assert not answer.is_whole
    assert answer.body == body


@pytest.mark.parametrize("cut", [10, 60, 120])
def test_a_cut_answer_is_not_whole(cut):
    assert not read_answer(Kind.CHAT, json.dumps(COMPLETION).encode()[:cut]).is_whole


@pytest.mark.parametrize(
    ("kind", "value"), [(Kind.CHAT, COMPLETION), (Kind.MESSAGES, MESSAGE), (Kind.RESPONSES, RESPONSE)]
)
@pytest.mark.parametrize("broken", [b"\x80", b"\xed\xa0\x80", b"\xc3"])
def test_an_answer_that_is_no_text_is_not_whole_even_where_nobody_looks(kind, value, broken):
    body = json.dumps(value).encode()
    assert read_answer(kind, body[:1] + '"note":"gr\u00fc\u00dfe",'.encode() + body[1:]).is_whole
    assert not read_answer(kind, body[:1] + b'"note":"' + broken + b'",' + body[1:]).is_whole


def test_refusals_and_filters_are_structured_signals():
    refused = {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}]}
    filtered = {"choices": [{"finish_reason": "content_filter", "message": {"content": "I'm sorry, I can't"}}]}
    apology = {"choices": [{"finish_reason": "stop", "message": {"content": "I'm sorry, I can't help with that."}}]}
    flags = [
        (answer.is_refused, answer.is_filtered)
        for answer in (read(Kind.CHAT, item) for item in (refused, filtered, apology))
    ]
    assert flags == [(True, False), (False, True), (False, False)]
    assert read(Kind.MESSAGES, {**MESSAGE, "stop_reason": "refusal"}).is_refused
    item = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    assert read(Kind.RESPONSES, {**RESPONSE, "output": [item]}).is_refused
    cut = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    assert read(Kind.RESPONSES, cut).is_filtered


def test_a_failed_response_is_no_answer():
    assert not read(Kind.RESPONSES, {**RESPONSE, "status": "failed"}).is_whole


def test_usage_of_a_strange_shape_is_unknown():
    answer = read(Kind.CHAT, {**COMPLETION, "usage": {"prompt_tokens": "nine"}})
    assert (answer.usage, answer.is_whole) == (None, True)
