"""Whatever shape a history or an answer has, nothing of it breaks and nothing else of it changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.answers import read_answer
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.destination import Destination
from tidegate.wire.reasoning.marks import mark_of
from tidegate.wire.reasoning.returning import returned
from tidegate.wire.relay_chat import ChatRelay
from tidegate.wire.relay_messages import MessagesRelay
from tidegate.wire.relay_responses import ResponsesRelay

MARK = mark_of("https://ours.example")
NAMES = st.sampled_from(
    [
        *("role", "content", "type", "signature", "data", "encrypted_content", "reasoning", "reasoning_content"),
        *("reasoning_details", "extra_content", "google", "thought_signature", "tool_calls", "index", "output"),
        *("choices", "message", "delta", "item", "response", "content_block", "text"),
    ]
)
WORDS = st.sampled_from(
    [
        *("assistant", "user", "thinking", "redacted_thinking", "reasoning", "tool_use", "signature_delta", "", "EqQB"),
        *(MARK.decode(), MARK.decode() + "EqQB", "~tidegate.00000000.x", "content_block_start", "content_block_delta"),
        *("response.output_item.done", "response.completed"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
HISTORY_KINDS = [Kind.CHAT, Kind.MESSAGES, Kind.COUNT_TOKENS, Kind.RESPONSES]


@given(st.sampled_from(HISTORY_KINDS), st.lists(VALUES, max_size=4) | VALUES, st.booleans(), st.booleans())
def test_any_history_gives_a_body(kind, history, is_home, thinks):
    body = JsonObject.parse(json.dumps({"messages": history, "input": history, "thinking": history}).encode())
    sent = returned(kind, body, Destination(MARK, is_home, thinks))
    assert [json.loads(bytes(raw)) for raw in sent.fields.values()]
    assert returned(kind, sent, Destination(MARK, is_home, thinks)).fields.keys() == body.fields.keys()


@given(st.sampled_from(HISTORY_KINDS), st.dictionaries(NAMES, VALUES, max_size=5))
def test_without_the_marks_an_answer_is_what_came(kind, answer):
    body = json.dumps(answer).encode()
    told = read_answer(kind, body, MARK)
    assert told.is_whole == read_answer(kind, body).is_whole
    assert told.body.replace(MARK, b"") == body.replace(MARK, b"")
    json.loads(told.body)


@pytest.mark.parametrize("relay", [ChatRelay, MessagesRelay, ResponsesRelay])
@given(events=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=4))
def test_without_the_marks_a_stream_is_what_came(relay: Any, events: list[Any]):
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    marking, plain = relay(MARK), relay()
    given_out = marking.feed(stream) + marking.end()
    assert given_out.replace(MARK, b"") == (plain.feed(stream) + plain.end()).replace(MARK, b"")
    assert (marking.has_content, marking.is_complete) == (plain.has_content, plain.is_complete)
