import json

import pytest

from tidegate.wire.json_format import BROKEN, KEPT, UNKNOWN, format_kept
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind

SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
ASKS = {
    Kind.CHAT: {"response_format": SCHEMA},
    Kind.RESPONSES: {"text": {"format": SCHEMA}},
    Kind.MESSAGES: {"output_config": {"format": SCHEMA}},
}


def answer_of(kind: Kind, text: str | None) -> dict:
    if kind is Kind.CHAT:
        return {"choices": [{"message": {"content": text}}]}
    if kind is Kind.RESPONSES:
        return {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]}
    return {"content": [{"type": "text", "text": text}]}


def judged(kind: Kind, request: dict, answer: object) -> int:
    body = JsonObject.parse(json.dumps({"model": "bot", **request}).encode())
    return format_kept(kind, body, json.dumps(answer).encode())


@pytest.mark.parametrize("kind", ASKS)
def test_an_answer_that_had_to_be_json_is_looked_at(kind):
    assert judged(kind, ASKS[kind], answer_of(kind, '{"a": [1, 2]}')) == KEPT
    assert judged(kind, ASKS[kind], answer_of(kind, '{"a": [1, ')) == BROKEN
    assert judged(kind, ASKS[kind], answer_of(kind, "Sure! Here it is: {}")) == BROKEN


@pytest.mark.parametrize("kind", ASKS)
def test_nobody_asked_nobody_looks(kind):
    assert judged(kind, {}, answer_of(kind, "no JSON")) == UNKNOWN
    assert judged(kind, {"tools": []}, answer_of(kind, "no JSON")) == UNKNOWN
    assert judged(Kind.EMBEDDINGS, {"response_format": SCHEMA}, {"data": []}) == UNKNOWN


def test_plain_text_formats_ask_for_nothing():
    assert judged(Kind.CHAT, {"response_format": {"type": "text"}}, answer_of(Kind.CHAT, "hello")) == UNKNOWN
    assert judged(Kind.CHAT, {"response_format": "odd"}, answer_of(Kind.CHAT, "hello")) == UNKNOWN


@pytest.mark.parametrize(("arguments", "expected"), [('{"city": "Lund"}', KEPT), ('{"city": "Lu', BROKEN)])
def test_arguments_of_calls_must_be_json(arguments, expected):
    chat = {"choices": [{"message": {"content": None, "tool_calls": [{"function": {"arguments": arguments}}]}}]}
    responses = {"output": [{"type": "function_call", "arguments": arguments}]}
    assert judged(Kind.CHAT, {"tools": [{}]}, chat) == expected
    assert judged(Kind.RESPONSES, {"tools": [{}]}, responses) == expected


def test_a_refusal_has_no_form_to_keep():
    refused = {"choices": [{"message": {"content": None, "refusal": "no"}}]}
    assert judged(Kind.CHAT, ASKS[Kind.CHAT], refused) == UNKNOWN
