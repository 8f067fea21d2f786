"""Streams of the Responses API, relayed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.streams import assert_chunking_does_not_matter, event, relay_all

from tidegate.wire.relay_responses import ResponsesRelay
from tidegate.wire.usage import Usage


def named(kind, **fields):
    return event({"type": kind, **fields}, kind)


USAGE = {
    "input_tokens": 8,
    "output_tokens": 3,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens_details": {"reasoning_tokens": 1},
}
CREATED = named("response.created", response={"model": "gpt-x", "status": "in_progress", "usage": None})
TEXT = named("response.output_text.delta", delta="Hé", item_id="m")
COMPLETED = named("response.completed", response={"model": "gpt-x-1", "status": "completed", "usage": USAGE})
FAILED = named(
    "response.failed", response={"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}
)
ERROR = named("error", code="server_error", message="broken", param=None)

EVENTS = st.sampled_from([CREATED, TEXT, COMPLETED, FAILED, ERROR, b": hi\n\n", b"data: {x\n\n", b"data: [DONE]\n\n"])


@given(st.lists(EVENTS, max_size=8).map(b"".join), st.binary(max_size=6), st.lists(st.integers(0, 4000), max_size=8))
def test_chunking_changes_neither_output_nor_state(stream, tail, cuts):
    assert_chunking_does_not_matter(ResponsesRelay, stream + tail, cuts)


def test_a_whole_stream_passes_as_it_came_and_is_read():
    relay = ResponsesRelay()
    stream = CREATED + TEXT + TEXT + COMPLETED
    assert relay_all(relay, [stream]) == stream
    assert (relay.content_events, relay.finish_reason, relay.is_complete) == (2, "completed", True)
    assert (relay.usage, relay.model) == (Usage(8, 3, 4, 1), "gpt-x-1")


@pytest.mark.parametrize(
    ("loud", "is_content"),
    [
        (CREATED, False),
        (named("response.output_item.added", item={"type": "message"}), False),
        (named("response.output_item.added", item={"type": "function_call", "name": "f"}), True),
        (named("response.output_text.delta", delta=""), False),
        (named("response.reasoning_summary_text.delta", delta="hm"), True),
        (named("response.function_call_arguments.delta", delta="{"), True),
        (named("response.output_text.done", text="x"), False),
    ],
)
def test_deltas_and_tool_items_commit(loud, is_content):
    relay = ResponsesRelay()
    assert relay.feed(loud) == loud
    assert relay.has_content is is_content


def test_an_incomplete_response_is_an_end_with_its_reason():
    relay = ResponsesRelay()
    last = named(
        "response.incomplete", response={"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    )
    relay_all(relay, [TEXT, last])
    assert (relay.is_complete, relay.finish_reason, relay.is_filtered) == (True, "content_filter", True)


def test_a_refusal_is_its_own_event():
    relay = ResponsesRelay()
    relay_all(relay, [named("response.refusal.delta", delta="I cannot"), COMPLETED])
    assert relay.is_refused


def test_an_end_without_a_terminal_event_is_a_truncation():
    relay = ResponsesRelay()
    assert relay_all(relay, [CREATED + TEXT]) == CREATED + TEXT
    assert not relay.is_complete


@pytest.mark.parametrize(("broken", "status"), [(FAILED, 429), (ERROR, 500)])
def test_a_failure_is_held_before_content_and_last_behind_it(broken, status):
    early, late = ResponsesRelay(), ResponsesRelay()
    assert relay_all(early, [CREATED + broken + TEXT]) == CREATED
    assert relay_all(late, [TEXT + broken + TEXT]) == TEXT + broken
    for relay in (early, late):
        assert relay.fault is not None
        assert (relay.fault.status, relay.is_complete) == (status, False)
        assert json.loads(relay.fault.body)["error"]["message"] in {"slow", "broken"}


def test_the_terminator_of_chat_is_not_malformed_here():
    relay = ResponsesRelay()
    relay_all(relay, [b"data: [DONE]\n\n" + TEXT])
    assert (relay.malformed_events, relay.is_complete) == (0, False)
