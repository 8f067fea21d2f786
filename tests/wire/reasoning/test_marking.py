"""Answers get the mark of their maker, and nothing else of them changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.streams import assert_chunking_does_not_matter, chunk, event, finish, relay_all, text

from tidegate.wire.answers import read_answer
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.marks import mark_of
from tidegate.wire.relay_chat import ChatRelay
from tidegate.wire.relay_messages import MessagesRelay
from tidegate.wire.relay_responses import ResponsesRelay

MARK = mark_of("https://maker.example")
MARKED = MARK.decode()

THINKING = {"type": "thinking", "thinking": 'I think "signature":"x"', "signature": "EqQB+/=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwK"}
MESSAGE = {"content": [THINKING, REDACTED, {"type": "text", "text": "~"}], "model": "m", "stop_reason": "end_turn"}
ITEMS = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
    {"type": "message", "content": [{"type": "output_text", "text": '"encrypted_content"'}]},
]
RESPONSE = {"id": "resp_1", "status": "completed", "output": ITEMS}
DETAILS = [
    {"type": "reasoning.text", "text": "I think", "signature": "EqQB", "index": 0},
    {"type": "reasoning.encrypted", "data": "gAAA", "index": 1},
    {"type": "reasoning.summary", "summary": "in short", "index": 2},
]
COMPLETION = {
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"content": "a", "reasoning": "I", "reasoning_details": DETAILS},
        },
        {"index": 1, "finish_reason": "stop", "message": {"content": "b", "reasoning_details": DETAILS[:1]}},
    ]
}
SIGNED_CALL = {
    "index": 0,
    "id": "c",
    "type": "function",
    "function": {"name": "look", "arguments": '{"thought_signature": "EqQB"}'},
    "extra_content": {"google": {"thought_signature": "CiQB"}},
}
CALLING = {
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"content": None, "tool_calls": [SIGNED_CALL, {**SIGNED_CALL, "extra_content": None}]},
        },
        {
            "index": 1,
            "finish_reason": "stop",
            "message": {"content": "a", "extra_content": {"google": {"thought_signature": "CiQC"}}},
        },
    ]
}
WHOLE: list[tuple[Kind, dict[str, Any], tuple[str, ...]]] = [
    (Kind.MESSAGES, MESSAGE, ("EqQB+/==", "EmwK")),
    (Kind.RESPONSES, RESPONSE, ("gAAA",)),
    (Kind.CHAT, COMPLETION, ("EqQB", "gAAA")),
    (Kind.CHAT, CALLING, ("CiQB", "CiQC")),
]


def named(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, kind)


def with_marks(data: bytes, *opaque: str) -> bytes:
    for value in opaque:
        data = data.replace(b'"%b"' % value.encode(), b'"%b%b"' % (MARK, value.encode()))
    return data


@pytest.mark.parametrize("layout", [{}, {"separators": (",", ":")}, {"indent": 2}])
@pytest.mark.parametrize(
    ("kind", "answer", "opaque"), WHOLE, ids=lambda value: value if isinstance(value, Kind) else ""
)
def test_a_whole_answer_differs_by_the_marks_alone(kind, answer, opaque, layout):
    body = json.dumps(answer, **layout).encode() + b"\n"
    assert read_answer(kind, body, MARK).body == with_marks(body, *opaque) != body
    assert read_answer(kind, body).body is body


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.MESSAGES, {"content": [{"type": "text", "text": 'thinking"'}, {"type": "thinking", "thinking": "x"}]}),
        (Kind.MESSAGES, {"content": [{"type": "thinking", "thinking": "x", "signature": ""}]}),
        (Kind.MESSAGES, {"content": [{"type": "thinking", "thinking": "x", "signature": None}, 7, "x"]}),
        (Kind.RESPONSES, {"output": [{"type": "compaction", "encrypted_content": "g"}]}),
        (Kind.CHAT, {"choices": [{"message": {"reasoning_content": "plain", "content": "a"}}]}),
        (Kind.CHAT, {"choices": [{"message": {"reasoning_details": "odd"}}]}),
        (Kind.CHAT, {"choices": [{"message": {"reasoning_details": [{"signature": ["odd"]}]}}]}),
    ],
)
def test_what_is_not_signed_gets_no_mark(kind, answer):
    body = json.dumps(answer).encode()
    assert read_answer(kind, body, MARK).body == body


def test_an_answer_that_is_ambiguous_passes_as_it_came():
    body = b'{"content":[{"type":"thinking","signature":"a","signature":"b"}]}'
    assert read_answer(Kind.MESSAGES, body, MARK).body == body


START = named("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""})
THOUGHT = named("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "signature_delta"})
SIGNED = named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "EqQB"})
SIGNED_ON = named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "+rest"})
HIDDEN = named("content_block_start", index=1, content_block=REDACTED)
SAID = named("content_block_delta", index=2, delta={"type": "text_delta", "text": "Hi"})
STOP = named("message_stop")


def test_a_streamed_signature_is_marked_once_and_redacted_thinking_too():
    stream = START + THOUGHT + SIGNED + SIGNED_ON + HIDDEN + SAID + STOP
    assert relay_all(MessagesRelay(MARK), [stream]) == with_marks(stream, "EqQB", "EmwK")
    assert relay_all(MessagesRelay(), [stream]) == stream


def test_each_block_of_a_stream_gets_its_own_mark():
    stream = (START + SIGNED) * 2 + STOP
    assert relay_all(MessagesRelay(MARK), [stream]).count(MARK) == 2


def test_a_signature_that_comes_with_the_start_of_its_block_is_marked():
    start = named("content_block_start", index=0, content_block=THINKING)
    assert (
        relay_all(MessagesRelay(MARK), [start + SIGNED_ON + STOP]) == with_marks(start, "EqQB+/==") + SIGNED_ON + STOP
    )


def test_an_event_over_several_lines_is_marked_too():
    spread = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta",\ndata: "delta":{"type":"signature_delta",'
    )
    spread += b'"signature":"EqQB"}}\n\n'
    given_out = relay_all(MessagesRelay(MARK), [spread + STOP])
    assert given_out == with_marks(spread, "EqQB") + STOP


def test_line_ends_stay_as_they_came():
    stream = (START + SIGNED + STOP).replace(b"\n", b"\r\n")
    assert relay_all(MessagesRelay(MARK), [stream]) == with_marks(stream, "EqQB")


def test_items_of_a_streamed_response_are_marked_wherever_they_are_told():
    stream = b"".join(
        (
            named("response.created", response=RESPONSE | {"output": []}),
            named("response.output_item.added", item=ITEMS[0]),
            named("response.reasoning_summary_text.delta", delta='"encrypted_content":"gAAA"'),
            named("response.output_item.done", item=ITEMS[0]),
            named("response.output_item.done", item=ITEMS[1]),
            named("response.completed", response=RESPONSE),
        )
    )
    assert relay_all(ResponsesRelay(MARK), [stream]) == with_marks(stream, "gAAA")


def details(*entries: dict[str, Any], index: int = 0, **fields: Any) -> bytes:
    return chunk(
        {"index": index, "delta": {"content": "", "reasoning_details": list(entries)}, "finish_reason": None}, **fields
    )


def test_details_of_streamed_choices_are_marked_once_for_each_value():
    parts = [
        details({"type": "reasoning.text", "text": "I", "index": 0}),
        details({"type": "reasoning.text", "signature": "EqQB", "index": 0}),
        details({"type": "reasoning.text", "signature": "EqQB", "index": 0}, index=1),
        details({"type": "reasoning.encrypted", "data": "gAAA", "index": 1}),
        details({"type": "reasoning.encrypted", "data": "rest", "index": 1}),
    ]
    stream = b"".join(parts) + chunk(finish(), finish(index=1)) + b"data: [DONE]\n\n"
    given_out = relay_all(ChatRelay(MARK, choices=2), [stream])
    assert given_out == with_marks(stream, "EqQB", "gAAA")


def test_details_beside_text_and_usage_are_marked_and_the_usage_is_cut():
    both = chunk(
        {"index": 0, "delta": {"content": "Hi", "reasoning_details": DETAILS[:1]}, "finish_reason": None}, usage=None
    )
    assert relay_all(ChatRelay(MARK, strips_usage=True), [both]) == with_marks(both, "EqQB").replace(
        b',"usage":null', b""
    )


def test_signatures_of_streamed_calls_and_of_empty_text_are_marked():
    parts = [
        chunk({"index": 0, "delta": {"tool_calls": [SIGNED_CALL]}, "finish_reason": None}),
        chunk({"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "thought_signature"}}]}}),
        chunk({"index": 0, "delta": {"content": "", "extra_content": {"google": {"thought_signature": "CiQC"}}}}),
        chunk(finish("tool_calls")),
        b"data: [DONE]\n\n",
    ]
    stream = b"".join(parts)
    assert relay_all(ChatRelay(MARK), [stream]) == with_marks(stream, "CiQB", "CiQC")


def test_entries_without_an_index_are_each_their_own():
    bare = details({"type": "reasoning.encrypted", "data": "gAAA"})
    assert relay_all(ChatRelay(MARK), [bare + bare]) == with_marks(bare, "gAAA") * 2


@pytest.mark.parametrize("odd", ["x", 7, {"signature": "s"}, ["x", 7, None, {"signature": 1}]])
def test_odd_details_pass_as_they_came(odd):
    stream = chunk({"index": 0, "delta": {"reasoning_details": odd}})
    assert relay_all(ChatRelay(MARK), [stream]) == stream


MESSAGE_EVENTS = st.sampled_from(
    [START, THOUGHT, SIGNED, SIGNED_ON, HIDDEN, SAID, STOP, SIGNED.replace(b"\n", b"\r\n")]
)
CHAT_EVENTS = st.sampled_from(
    [details(DETAILS[0]), details(*DETAILS), details(DETAILS[1], usage=None), chunk(text("Hi")), chunk(finish())]
)


@given(st.lists(MESSAGE_EVENTS, max_size=8).map(b"".join), st.lists(st.integers(0, 4000), max_size=8))
def test_chunking_changes_nothing_of_a_message(stream, cuts):
    assert_chunking_does_not_matter(lambda: MessagesRelay(MARK), stream, cuts)


@given(st.lists(CHAT_EVENTS, max_size=8).map(b"".join), st.lists(st.integers(0, 4000), max_size=8))
def test_chunking_changes_nothing_of_a_completion(stream, cuts):
    assert_chunking_does_not_matter(lambda: ChatRelay(MARK, strips_usage=True), stream, cuts)


@given(st.lists(MESSAGE_EVENTS, max_size=8).map(b"".join))
def test_without_its_marks_a_stream_is_what_the_upstream_sent(stream):
    assert relay_all(MessagesRelay(MARK), [stream]).replace(MARK, b"") == relay_all(MessagesRelay(), [stream])
