"""Chat and completion streams, relayed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.streams import assert_chunking_does_not_matter, chunk, event, finish, relay_all, text

from tidegate.wire.relay_chat import ChatRelay
from tidegate.wire.usage import Usage

DONE = b"data: [DONE]\n\n"
ROLE = chunk({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None})
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 4,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
EXPECTED_USAGE = Usage(10, 4, 3, 2)
ERROR = event({"error": {"message": "overloaded", "type": "server_error", "code": None}})

EVENTS = st.sampled_from(
    [
        ROLE,
        chunk(text("Hé€")),
        chunk(text("a"), text("b", 1)),
        chunk(text("x"), usage=None),
        chunk(usage=None),
        chunk(usage=USAGE),
        chunk(finish(), usage=USAGE),
        chunk(finish(), usage=None),
        chunk(finish("length", 1)),
        b": keepalive\n\n",
        b"data: {broken\n\n",
        b"data:\n\n",
        b"\n",
        b'data: {"choices":\r\ndata: []}\r\n\r\n',
        b"id: 1\rdata: {}\r\r",
        ERROR,
        DONE,
    ]
)


@given(
    st.lists(EVENTS, max_size=8).map(b"".join),
    st.binary(max_size=6),
    st.lists(st.integers(0, 4000), max_size=8),
    st.booleans(),
)
def test_chunking_changes_neither_output_nor_state(stream, tail, cuts, strips):
    assert_chunking_does_not_matter(lambda: ChatRelay(strips_usage=strips), stream + tail, cuts)


@given(st.lists(EVENTS.filter(lambda item: item not in (ERROR, DONE)), max_size=8))
def test_without_stripping_whole_events_pass_byte_for_byte(events):
    stream = b"".join(events) + chunk(finish()) + DONE
    assert relay_all(ChatRelay(), [stream]) == stream


def test_a_whole_stream_passes_as_it_came_and_is_read():
    stream = ROLE + chunk(text("Hel")) + chunk(text("lo")) + chunk(finish()) + chunk(usage=USAGE) + DONE
    relay = ChatRelay()
    assert relay_all(relay, [stream]) == stream
    assert (relay.has_content, relay.content_events, relay.finish_reason) == (True, 2, "stop")
    assert (relay.usage, relay.is_complete, relay.model, relay.fault) == (EXPECTED_USAGE, True, "gpt-x", None)
    assert relay.malformed_events == 0


@pytest.mark.parametrize(
    "quiet",
    [
        ROLE,
        chunk({"index": 0, "delta": {}, "finish_reason": None}),
        chunk({"index": 0, "delta": {"content": None, "tool_calls": None}}),
        chunk(),
        chunk(usage=USAGE),
        b": OPENROUTER PROCESSING\n\n",
        b"data:\n\n",
        b"data: {broken\n\n",
    ],
)
def test_what_is_not_content_does_not_commit(quiet):
    relay = ChatRelay()
    assert relay.feed(quiet) == quiet
    assert not relay.has_content


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"content": [{"type": "text", "text": "x"}]},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]},
        {"function_call": {"name": "f"}},
    ],
)
def test_text_reasoning_refusal_and_tool_deltas_commit(delta):
    relay = ChatRelay()
    relay.feed(chunk({"index": 0, "delta": delta, "finish_reason": None}))
    assert (relay.has_content, relay.content_events) == (True, 1)
    assert relay.is_refused == ("refusal" in delta)


def test_completions_carry_their_text_elsewhere():
    relay = ChatRelay()
    stream = event({"choices": [{"index": 0, "text": "x", "finish_reason": None}]}) + event(
        {"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}
    )
    assert relay_all(relay, [stream]) == stream + DONE
    assert (relay.has_content, relay.content_events, relay.finish_reason) == (True, 1, "length")


class TestUsageThatTheClientDidNotAskFor:
    def test_the_extra_chunk_and_the_nulls_are_cut(self):
        sent = [chunk(text("a"), usage=None), chunk(finish(), usage=None), chunk(usage=USAGE), DONE]
        relay = ChatRelay(strips_usage=True)
        assert relay_all(relay, sent) == chunk(text("a")) + chunk(finish()) + DONE
        assert relay.usage == EXPECTED_USAGE

    def test_usage_beside_choices_is_cut_and_the_choices_stay(self):
        relay = ChatRelay(strips_usage=True)
        assert relay.feed(chunk(finish(), usage=USAGE, x="é")) == chunk(finish(), x="é").replace(b"\\u00e9", b"\\u00e9")
        assert relay.usage == EXPECTED_USAGE

    def test_any_spelling_of_the_null_is_cut(self):
        relay = ChatRelay(strips_usage=True)
        given = relay.feed(b'data: {"usage": null, "choices": [{"delta": {"content": "a"}}], "z": {"usage":null}}\n\n')
        assert json.loads(given[6:]) == {"choices": [{"delta": {"content": "a"}}], "z": {"usage": None}}

    def test_text_that_speaks_of_usage_is_no_usage(self):
        tricky = chunk(text(',"usage":null'), usage=None)
        assert ChatRelay(strips_usage=True).feed(tricky) == chunk(text(',"usage":null'))


def test_usage_is_the_last_one_told_never_a_sum():
    relay = ChatRelay()
    relay_all(relay, [chunk(text("a"), usage={"prompt_tokens": 1, "completion_tokens": n}) for n in (1, 2, 3)])
    assert relay.usage == Usage(1, 3, -1, -1)


def test_usage_behind_the_finish_counts():
    relay = ChatRelay()
    relay_all(relay, [chunk(text("a")), chunk(finish()), chunk(usage=USAGE), chunk(usage=None), DONE])
    assert relay.usage == EXPECTED_USAGE


def test_usage_of_a_strange_shape_is_unknown_and_harms_nothing():
    relay = ChatRelay()
    assert relay.feed(chunk(text("a"), usage={"prompt_tokens": "many"})) != b""
    assert (relay.usage, relay.malformed_events) == (None, 0)


class TestEnds:
    def test_a_missing_terminator_is_supplied_behind_a_finish_reason(self):
        relay = ChatRelay()
        stream = chunk(text("a")) + chunk(finish())
        assert relay_all(relay, [stream]) == stream + DONE
        assert relay.is_complete

    def test_neither_terminator_nor_finish_reason_is_a_truncation(self):
        relay = ChatRelay()
        assert relay_all(relay, [chunk(text("a"))]) == chunk(text("a"))
        assert not relay.is_complete

    def test_a_cut_event_is_not_passed_on(self):
        relay = ChatRelay()
        assert relay_all(relay, [chunk(text("a")), chunk(text("b"))[:-9]]) == chunk(text("a"))
        assert (relay.is_complete, relay.malformed_events) == (False, 1)

    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
    def test_a_terminator_that_lacks_its_blank_line_counts(self, end):
        relay = ChatRelay()
        assert relay_all(relay, [chunk(text("a")), b"data: [DONE]" + end]) == chunk(text("a")) + DONE
        assert relay.is_complete

    def test_nothing_follows_the_terminator(self):
        relay = ChatRelay()
        assert (
            relay_all(relay, [chunk(text("a")) + DONE + chunk(text("b")), chunk(text("c"))]) == chunk(text("a")) + DONE
        )

    @pytest.mark.parametrize("before", [[ROLE], [ROLE, chunk(text("a"))]])
    @pytest.mark.parametrize("is_cut", [False, True])
    def test_a_terminator_without_a_finish_reason_counts_if_the_body_ends_in_order(self, before, is_cut):
        relay = ChatRelay()
        assert b"".join(map(relay.feed, [*before, DONE])) == b"".join(before)
        assert relay.end(is_cut=is_cut) == (b"" if is_cut else DONE)
        assert relay.is_complete is not is_cut
        assert relay.end() == b""

    def test_a_body_that_breaks_off_behind_its_finish_reason_is_whole(self):
        relay = ChatRelay()
        relay.feed(chunk(text("a")) + chunk(finish()))
        assert relay.end(is_cut=True) == DONE
        assert relay.is_complete

    def test_every_choice_must_finish(self):
        relay = ChatRelay()
        relay.feed(chunk(text("a"), text("b", 1)) + chunk(finish("stop", 1)))
        assert not relay.is_complete
        relay.feed(chunk(finish("length", 0)))
        assert (relay.is_complete, relay.finish_reason) == (True, "stop")

    def test_a_choice_that_was_asked_for_and_never_began_is_missing(self):
        relay = ChatRelay(choices=2)
        relay.feed(chunk(text("a")) + chunk(finish("stop")))
        relay.end()
        assert not relay.is_complete

    def test_the_terminator_is_believed_whatever_was_asked_for(self):
        relay = ChatRelay(choices=2)
        relay.feed(chunk(text("a")) + chunk(finish("stop")) + DONE)
        assert relay.is_complete


class TestFaults:
    def test_before_content_nothing_of_it_is_given_out(self):
        relay = ChatRelay()
        assert relay_all(relay, [ROLE + ERROR + chunk(text("late"))]) == ROLE
        assert relay.fault is not None
        assert (relay.fault.status, relay.fault.code, relay.is_complete) == (500, "server_error", False)
        assert json.loads(relay.fault.body)["error"]["message"] == "overloaded"

    def test_behind_content_it_is_the_last_event(self):
        relay = ChatRelay()
        sent = chunk(text("a")) + ERROR
        assert relay_all(relay, [sent + chunk(finish()) + DONE]) == sent
        assert (relay.is_complete, relay.finish_reason) == (False, "")

    @pytest.mark.parametrize(
        ("told", "status", "flags"),
        [
            ({"message": "m", "code": 429}, 429, (False, False, False)),
            ({"message": "m", "code": "insufficient_quota"}, 429, (False, True, False)),
            ({"message": "m", "code": "content_filter"}, 400, (True, False, False)),
            (
                {"message": "m", "type": "invalid_request_error", "code": "context_length_exceeded"},
                400,
                (False, False, True),
            ),
            ("plain text", 502, (False, False, False)),
        ],
    )
    def test_structured_codes_classify_it(self, told, status, flags):
        relay = ChatRelay()
        relay.feed(event({"error": told}))
        fault = relay.fault
        assert fault is not None
        assert (fault.status, (fault.is_content_filter, fault.is_quota, fault.is_context_length)) == (status, flags)

    def test_a_key_inside_an_error_event_is_cut_out(self):
        relay = ChatRelay()
        given = relay.feed(chunk(text("a")) + event({"error": {"message": "bad key sk-proj-abcdef1234567890"}}))
        assert b"sk-proj" not in given
        assert relay.fault is not None
        assert "sk-proj" not in relay.fault.message


def test_malformed_events_are_counted_and_end_nothing():
    relay = ChatRelay()
    sent = [chunk(text("a")), b"data: {broken\n\n", b"data: <html>\n\n", b"data: 17\n\n", chunk(text("b")), DONE]
    assert relay_all(relay, sent) == b"".join(sent)
    assert (relay.malformed_events, relay.content_events, relay.is_complete) == (3, 2, True)


def test_a_content_filter_is_read_from_the_finish_reason():
    relay = ChatRelay()
    relay_all(relay, [chunk(text("a")), chunk(finish("content_filter"))])
    assert (relay.is_filtered, relay.is_refused) == (True, False)


def test_a_byte_order_mark_is_taken_off():
    relay = ChatRelay()
    assert relay_all(relay, [b"\xef\xbb", b"\xbf" + chunk(text("a")), DONE]) == chunk(text("a")) + DONE
    assert relay.has_content


def test_an_endless_event_breaks_the_stream(monkeypatch):
    monkeypatch.setattr(
        "tidegate.wire.relay.BlockSplitter.is_overflowing", property(lambda self: len(self._pending) > 50)
    )
    relay = ChatRelay()
    assert relay.feed(chunk(text("a"))) == chunk(text("a"))
    given = relay.feed(b"data: " + b"x" * 60)
    assert b'"event_too_large"' in given
    assert relay.fault is not None
    assert relay.fault.status == 502
    assert relay.feed(chunk(text("b"))) == b""
