"""Anthropic streams, relayed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.streams import assert_chunking_does_not_matter, event, relay_all

from tidegate.wire.relay_messages import MessagesRelay
from tidegate.wire.usage import Usage


def named(kind, **fields):
    return event({"type": kind, **fields}, kind)


def delta(kind, **fields):
    return named("content_block_delta", index=0, delta={"type": kind, **fields})


START = named(
    "message_start",
    message={
        "model": "claude-x",
        "usage": {
            "input_tokens": 5,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 7,
            "output_tokens": 1,
        },
    },
)
PING = named("ping")
OPEN = named("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = delta("text_delta", text="Hé")
CLOSE = named("content_block_stop", index=0)
FINISH = named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9})
STOP = named("message_stop")
ERROR = named("error", error={"type": "overloaded_error", "message": "Overloaded"})
WHOLE = START + PING + OPEN + TEXT + TEXT + CLOSE + FINISH + STOP

EVENTS = st.sampled_from(
    [
        START,
        PING,
        OPEN,
        TEXT,
        CLOSE,
        FINISH,
        STOP,
        ERROR,
        b": hi\n\n",
        b"data: {x\n\n",
        b"event: ping\r\ndata: {}\r\n\r\n",
    ]
)


@given(st.lists(EVENTS, max_size=8).map(b"".join), st.binary(max_size=6), st.lists(st.integers(0, 4000), max_size=8))
def test_chunking_changes_neither_output_nor_state(stream, tail, cuts):
    assert_chunking_does_not_matter(MessagesRelay, stream + tail, cuts)


def test_a_whole_stream_passes_as_it_came_and_is_read():
    relay = MessagesRelay()
    assert relay_all(relay, [WHOLE]) == WHOLE
    assert (relay.content_events, relay.finish_reason, relay.is_complete) == (2, "end_turn", True)
    assert (relay.usage, relay.model) == (Usage(32, 9, 20, -1), "claude-x")


@pytest.mark.parametrize("quiet", [START, PING, OPEN, delta("text_delta", text=""), CLOSE, b": ping\n\n"])
def test_what_is_not_content_does_not_commit(quiet):
    relay = MessagesRelay()
    assert relay.feed(quiet) == quiet
    assert not relay.has_content


@pytest.mark.parametrize(
    "loud",
    [
        TEXT,
        delta("thinking_delta", thinking="hm"),
        delta("input_json_delta", partial_json=""),
        delta("signature_delta", signature="s"),
        named("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        named("content_block_start", index=0, content_block={"type": "redacted_thinking", "data": "x"}),
    ],
)
def test_text_thinking_and_tool_events_commit(loud):
    relay = MessagesRelay()
    relay.feed(loud)
    assert (relay.has_content, relay.content_events) == (True, 1)


def test_cumulative_usage_replaces_and_is_never_summed():
    relay = MessagesRelay()
    last = named(
        "message_delta",
        delta={"stop_reason": "max_tokens"},
        usage={"input_tokens": 6, "cache_read_input_tokens": 0, "output_tokens": 30},
    )
    relay_all(relay, [START, FINISH, last])
    assert (relay.usage, relay.finish_reason) == (Usage(6, 30, 0, -1), "max_tokens")


def test_a_refusal_is_a_stop_reason():
    relay = MessagesRelay()
    relay_all(relay, [START, named("message_delta", delta={"stop_reason": "refusal"}, usage=None), STOP])
    assert (relay.is_refused, relay.is_complete) == (True, True)


def test_a_missing_message_stop_is_supplied_behind_a_stop_reason():
    relay = MessagesRelay()
    assert relay_all(relay, [WHOLE.removesuffix(STOP)]) == WHOLE


def test_neither_message_stop_nor_stop_reason_is_a_truncation():
    relay = MessagesRelay()
    assert relay_all(relay, [START + OPEN + TEXT + TEXT[:20]]) == START + OPEN + TEXT
    assert not relay.is_complete


def test_an_error_event_before_content_is_kept_back():
    relay = MessagesRelay()
    assert relay_all(relay, [START + ERROR + TEXT]) == START
    assert relay.fault is not None
    assert (relay.fault.status, relay.fault.code) == (529, "overloaded_error")
    assert json.loads(relay.fault.body) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
    }


def test_an_error_event_behind_content_is_the_last():
    relay = MessagesRelay()
    assert relay_all(relay, [START + TEXT + ERROR + TEXT + STOP]) == START + TEXT + ERROR
    assert not relay.is_complete


def test_nothing_follows_message_stop():
    relay = MessagesRelay()
    assert relay_all(relay, [WHOLE + TEXT]) == WHOLE
