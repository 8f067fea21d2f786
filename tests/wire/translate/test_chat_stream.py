"""Anthropic events as OpenAI chunks."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.translate.sdk_reading import chunks, completion, events, names, payloads, recorded, relayed

from tidegate.wire.translate.chat_stream import ChatStream
from tidegate.wire.usage import Usage


def _relay(*, wants_usage=False, has_output_tool=False):
    return ChatStream(wants_usage=wants_usage, has_output_tool=has_output_tool, created=1_790_000_000)


def _delta_text(out: bytes) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks(out) if chunk.choices)


def test_text_comes_role_first_and_ends_with_reason_and_done():
    relay = _relay()
    out = relayed(relay, recorded("anthropic/text"))
    first, *_, last = chunks(out)
    assert first.choices[0].delta.role == "assistant"
    assert not first.choices[0].delta.content
    assert last.choices[0].finish_reason == "stop"
    assert events(out)[-1].data == b"[DONE]"
    assert completion(out).choices[0].message.content == "Grüße from 🌊 Kyōto.\n"
    assert {chunk.id for chunk in chunks(out)} == {"chatcmpl-msg_01A"}
    assert {chunk.created for chunk in chunks(out)} == {1_790_000_000}


def test_the_facts_of_a_text_stream_are_known():
    relay = _relay()
    relayed(relay, recorded("anthropic/text"))
    assert relay.has_content
    assert relay.content_events == 2
    assert relay.is_complete
    assert relay.finish_reason == "stop"
    assert relay.model == "claude-sonnet-4-5-20250929"
    assert relay.usage == Usage(20, 15, 7, -1)
    assert not relay.malformed_events


def test_usage_is_told_only_to_a_client_that_asked():
    silent = payloads(relayed(_relay(), recorded("anthropic/text")))
    assert not any("usage" in payload for payload in silent)
    *others, last = payloads(relayed(_relay(wants_usage=True), recorded("anthropic/text")))
    assert all(payload["usage"] is None for payload in others)
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 20
    assert last["usage"]["total_tokens"] == 35
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 7


def test_parallel_tool_calls_name_themselves_once_and_always_have_arguments_that_parse():
    relay = _relay()
    out = relayed(relay, recorded("anthropic/thinking_tools"))
    calls = completion(out).choices[0].message.tool_calls
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("toolu_01", "get_weather", {"city": "Oslo"}),
        ("toolu_02", "get_time", {}),
    ]
    fragments = [call for chunk in chunks(out) for call in chunk.choices[0].delta.tool_calls or []]
    assert [call.id for call in fragments if call.id] == ["toolu_01", "toolu_02"]
    assert [call.function.name for call in fragments if call.function.name] == ["get_weather", "get_time"]
    assert relay.finish_reason == "tool_calls"


def test_thinking_and_its_signature_never_reach_the_client_but_count_as_a_sign_of_life():
    relay = _relay()
    stream = recorded("anthropic/thinking_tools")
    until_thought = stream[: stream.index(b"signature_delta")].rpartition(b"event:")[0]
    relay.feed(until_thought)
    assert relay.has_content
    assert relay.dropped_reasoning == 1
    out = relayed(_relay(), stream)
    assert b"SECRET-THOUGHT" not in out
    assert b"SIGNATURE" not in out
    assert b"\n: keep-alive\n\n" in out


def test_a_comment_stays_a_comment():
    assert _relay().feed(b": waiting\n\n") == b": keep-alive\n\n"


def test_a_start_and_a_ping_are_no_content():
    relay = _relay()
    stream = recorded("anthropic/text")
    relay.feed(stream[: stream.index(b"event: content_block_delta")])
    assert not relay.has_content


def test_the_output_tools_input_is_the_content():
    relay = _relay(has_output_tool=True)
    out = relayed(relay, recorded("anthropic/output_tool"))
    answer = completion(out).choices[0]
    assert json.loads(answer.message.content) == {"name": "Ada", "age": 36}
    assert not answer.message.tool_calls
    assert answer.finish_reason == relay.finish_reason == "stop"


def test_text_is_the_content_when_the_output_tool_was_not_called():
    out = relayed(_relay(has_output_tool=True), recorded("anthropic/text"))
    assert completion(out).choices[0].message.content == "Grüße from 🌊 Kyōto.\n"


def test_a_refusal_is_told_by_the_refusal_field_and_a_filter_reason():
    relay = _relay()
    out = relayed(relay, recorded("anthropic/refusal"))
    assert completion(out).choices[0].message.refusal == "This touches on biology."
    assert relay.finish_reason == "content_filter"
    assert relay.is_refused
    assert relay.is_complete
    assert not relay.is_filtered


def test_an_error_before_content_stays_inside():
    relay = _relay()
    out = relayed(relay, recorded("anthropic/overloaded_at_once"))
    assert relay.fault is not None
    assert (relay.fault.status, relay.fault.code) == (529, "overloaded_error")
    assert not relay.has_content
    assert not relay.is_complete
    assert b"Overloaded" not in out


def test_an_error_after_content_ends_the_stream_in_the_clients_dialect():
    relay = _relay()
    out = relayed(relay, recorded("anthropic/error_midway"))
    last = payloads(out)[-1]
    assert last["error"]["message"] == "Overloaded"
    assert last["error"]["code"] == "overloaded_error"
    assert b"[DONE]" not in out
    assert b"a time" not in out
    assert not relay.is_complete
    assert json.loads(relay.fault.body)["error"]["message"] == "Overloaded"


def test_a_cut_stream_is_a_truncation():
    relay = _relay()
    out = relayed(relay, recorded("anthropic/truncated"))
    assert not relay.is_complete
    assert b"[DONE]" not in out
    assert not any(chunk.choices[0].finish_reason for chunk in chunks(out))
    assert _delta_text(out) == "Half an ans"


def test_a_reason_without_message_stop_is_complete_and_gets_its_done():
    relay = _relay(wants_usage=True)
    out = relayed(relay, recorded("anthropic/no_message_stop"))
    assert relay.is_complete
    assert out == relayed(_relay(wants_usage=True), recorded("anthropic/text"))


def test_a_malformed_event_is_counted_and_left_out():
    stream = recorded("anthropic/text").replace(
        b"event: ping", b'event: x\ndata: {"type": 7}\n\nevent: y\ndata: {oops\n\nevent: ping'
    )
    relay = _relay()
    out = relayed(relay, stream)
    assert relay.malformed_events == 2
    assert out == relayed(_relay(), recorded("anthropic/text"))


def test_a_whole_input_in_the_start_event_is_passed_on():
    stream = recorded("anthropic/thinking_tools").replace(
        b'"name":"get_time","input":{}', b'"name":"get_time","input":{"zone":"CET"}'
    )
    calls = completion(relayed(_relay(), stream)).choices[0].message.tool_calls
    assert json.loads(calls[1].function.arguments) == {"zone": "CET"}


@pytest.mark.parametrize("name", names("anthropic"))
@pytest.mark.parametrize("has_output_tool", [False, True])
def test_every_chunk_is_a_chunk_of_the_sdk(name, has_output_tool):
    out = relayed(_relay(wants_usage=True, has_output_tool=has_output_tool), recorded(name))
    for payload in payloads(out):
        if "error" not in payload:
            assert payload["object"] == "chat.completion.chunk"
    whole = out if b'"error"' not in out else out[: out.rindex(b"data: ")]
    assert chunks(whole)


@given(st.sampled_from(names("anthropic")), st.lists(st.integers(0, 6000), max_size=30), st.booleans(), st.booleans())
def test_any_chunking_gives_the_same_bytes_and_facts(name, cuts, wants_usage, has_output_tool):
    stream = recorded(name)
    whole = _relay(wants_usage=wants_usage, has_output_tool=has_output_tool)
    pieces = _relay(wants_usage=wants_usage, has_output_tool=has_output_tool)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    out = b"".join(pieces.feed(stream[start:stop]) for start, stop in pairwise(edges)) + pieces.end()
    assert out == relayed(whole, stream)
    facts = (
        "has_content",
        "content_events",
        "finish_reason",
        "usage",
        "is_complete",
        "model",
        "is_refused",
        "malformed_events",
        "fault",
    )
    assert [getattr(pieces, fact) for fact in facts] == [getattr(whole, fact) for fact in facts]
