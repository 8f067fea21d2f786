"""OpenAI chunks as Anthropic events."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.translate.sdk_reading import assert_valid_order, message, names, payloads, recorded, relayed

from tidegate.wire.translate.messages_stream import MessagesStream
from tidegate.wire.translate.tools import ToolNames
from tidegate.wire.usage import Usage


def _relay(stop_sequences=("END",), names=None):
    return MessagesStream(names=names or ToolNames(), stop_sequences=stop_sequences)


def _text(answer) -> str:
    return "".join(block.text for block in answer.content if block.type == "text")


def test_text_becomes_one_block_between_start_and_stop():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/text")))
    assert answer.id == "msg_chatcmpl-AbC1"
    assert answer.model == relay.model == "gpt-4o-mini-2024-07-18"
    assert [block.type for block in answer.content] == ["text"]
    assert _text(answer) == "Grüße from 🌊 Kyōto.\n"
    assert answer.stop_reason == relay.finish_reason == "end_turn"


def test_usage_that_comes_after_the_finish_reason_is_in_the_last_delta():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/text")))
    assert relay.usage == Usage(20, 9, 16, 0)
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (4, 16, 9)


def test_a_tool_call_streams_its_input():
    out = relayed(_relay(), recorded("openai/tool_call"))
    answer = message(out)
    assert [(block.id, block.name, block.input) for block in answer.content] == [
        ("call_a", "get_weather", {"city": "Oslo"})
    ]
    assert answer.stop_reason == "tool_use"
    fragments = [p["delta"]["partial_json"] for p in payloads(out) if p["type"] == "content_block_delta"]
    assert fragments == ['{"ci', 'ty":"Oslo"}']


def test_interleaved_calls_become_blocks_one_after_another():
    answer = message(relayed(_relay(), recorded("openai/interleaved_tools")))
    assert [block.type for block in answer.content] == ["text", "tool_use", "tool_use"]
    assert answer.content[1].input == {"city": "Oslo"}
    assert answer.content[2].input == {"zone": "CET"}
    assert answer.usage.output_tokens == 30


def test_calls_that_share_index_zero_stay_apart_and_get_ids_anthropic_takes():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/index_zero_tools")))
    assert [(block.name, block.input) for block in answer.content] == [("a", {"x": 1}), ("b", {})]
    assert all(block.id.replace("_", "").isalnum() for block in answer.content)
    assert answer.stop_reason == "tool_use"


def test_reasoning_is_a_ping_and_never_text():
    relay = _relay()
    out = relayed(relay, recorded("openai/vllm_reasoning"))
    assert b"greets" not in out
    assert relay.dropped_reasoning == 1
    assert relay.content_events == 2
    assert any(payload["type"] == "ping" for payload in payloads(out))
    assert _text(message(out)) == "Hello!"


def test_a_matched_stop_sequence_is_named_only_if_the_client_asked_for_it():
    answer = message(relayed(_relay(), recorded("openai/vllm_reasoning")))
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")
    answer = message(relayed(_relay(stop_sequences=()), recorded("openai/vllm_reasoning")))
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)


def test_usage_in_every_chunk_is_the_last_one_not_the_sum():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/vllm_reasoning")))
    assert relay.usage == Usage(11, 8, -1, -1)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 8)


def test_a_stream_without_done_is_complete_by_its_finish_reason():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/transformers_no_done")))
    assert relay.is_complete
    assert (_text(answer), answer.stop_reason) == ("I am tiny, version 1.", "end_turn")
    assert answer.usage.output_tokens == 8


def test_usage_comes_behind_the_finish_reason():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/llama_cpp_server")))
    assert (_text(answer), answer.stop_reason) == ("I am tiny,", "max_tokens")
    assert (answer.usage.output_tokens, answer.usage.cache_read_input_tokens) == (4, relay.usage.cached_tokens)


def test_a_stream_without_usage_is_whole_all_the_same():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/llama_cpp_python")))
    assert (_text(answer), answer.stop_reason) == ("I am tiny, version 1.", "end_turn")
    assert relay.is_complete
    assert relay.usage is None


def test_done_without_a_finish_reason_ends_nothing_if_the_body_broke_off():
    relay = _relay()
    out = relay.feed(recorded("openai/llama_cpp_python_cut_off"))
    assert b"tiny" in out
    assert relay.end(is_cut=True) == b""
    assert not relay.is_complete
    assert_valid_order(out, is_complete=False)


def test_done_without_a_finish_reason_is_the_end_of_a_whole_body():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/llama_cpp_python_cut_off")))
    assert answer.stop_reason == "end_turn"
    assert relay.is_complete


def test_a_comment_is_a_ping():
    assert _relay().feed(b": PROCESSING\n\n") == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert _relay().feed(b"event: nothing\n\n") == b""


def test_the_first_finish_reason_counts():
    told = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"length"}]}\n\n'
    stream = told + told.replace(b"length", b"stop")
    assert message(relayed(_relay(), stream)).stop_reason == "max_tokens"


def test_fragments_of_a_closed_call_are_counted_not_spliced():
    late = b'data: {"id":"chatcmpl-P1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}'
    stream = recorded("openai/interleaved_tools").replace(b"data: [DONE]", late + b"\n\ndata: [DONE]")
    relay = _relay()
    answer = message(relayed(relay, stream))
    assert [block.input for block in answer.content[1:]] == [{"city": "Oslo"}, {"zone": "CET"}]
    assert relay.malformed_events == 1


def test_a_call_that_never_gets_a_name_is_counted_and_left_out():
    stream = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":"stop"}]}\n\n'
    relay = _relay()
    answer = message(relayed(relay, stream))
    assert answer.content == []
    assert answer.stop_reason == "end_turn"
    assert relay.malformed_events == 1


def test_words_behind_the_finish_reason_are_not_lost():
    late = b'data: {"id":"chatcmpl-AbC1","choices":[{"index":0,"delta":{"content":"PS"},"finish_reason":null}]}'
    stream = recorded("openai/text").replace(b"data: [DONE]", late + b"\n\ndata: [DONE]")
    answer = message(relayed(_relay(), stream))
    assert _text(answer).endswith("PS")
    assert answer.stop_reason == "end_turn"


def test_a_role_is_no_content():
    relay = _relay()
    stream = recorded("openai/text")
    relay.feed(stream[: stream.index(b"\n\n") + 2])
    assert not relay.has_content
    assert not relay.is_complete


def test_a_refusal_is_text_with_the_refusal_reason():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/refusal")))
    assert _text(answer) == "I can't help with that."
    assert answer.stop_reason == relay.finish_reason == "refusal"
    assert answer.stop_details.explanation == "I can't help with that."
    assert relay.is_refused


def test_an_error_midway_ends_the_stream_in_the_clients_dialect():
    relay = _relay()
    out = relayed(relay, recorded("openai/error_midway"))
    assert payloads(out)[-1] == {"type": "error", "error": {"type": "api_error", "message": "The server had an error"}}
    assert b"event: error\n" in out
    assert b"message_stop" not in out
    assert b"a time" not in out
    assert not relay.is_complete
    assert relay.fault.status == 500


def test_an_older_vllm_error_object_is_an_error_too():
    relay = _relay()
    stream = b'data: {"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}\n\ndata: [DONE]\n\n'
    assert relayed(relay, stream) == b""
    assert (relay.fault.status, relay.fault.message) == (400, "too long")


def test_malformed_events_are_counted_and_left_out():
    relay = _relay()
    answer = message(relayed(relay, recorded("openai/malformed")))
    assert relay.malformed_events == 2
    assert _text(answer) == "AB"


def test_a_cut_stream_is_a_truncation():
    relay = _relay()
    out = relayed(relay, recorded("openai/truncated"))
    assert not relay.is_complete
    assert b"message_delta" not in out
    assert b"message_stop" not in out
    assert_valid_order(out, is_complete=False)


def test_a_shortened_tool_name_is_restored():
    names = ToolNames()
    short = names.shorten("mcp__" + "x" * 90)
    stream = recorded("openai/tool_call").replace(b"get_weather", short.encode())
    assert message(relayed(_relay(names=names), stream)).content[0].name == "mcp__" + "x" * 90


def test_arguments_sent_as_an_object_are_passed_on():
    stream = recorded("openai/tool_call").replace(b'"arguments":""', b'"arguments":{"city":"Rome"}')
    stream = stream[
        : stream.index(
            b'data: {"id":"chatcmpl-T1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"ci'
        )
    ]
    out = relayed(_relay(), stream + b"data: [DONE]\n\n")
    assert message(out).content[0].input == {"city": "Rome"}


@pytest.mark.parametrize("name", sorted(set(names("openai")) - {"openai/error_midway", "openai/truncated"}))
def test_every_stream_is_valid_for_the_sdk(name):
    assert message(relayed(_relay(), recorded(name))).stop_reason


@given(st.sampled_from(names("openai")), st.lists(st.integers(0, 4000), max_size=30))
def test_any_chunking_gives_the_same_bytes_and_facts(name, cuts):
    stream = recorded(name)
    whole, pieces = _relay(), _relay()
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


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.data(),
    st.lists(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3), min_size=1, max_size=4),
    st.booleans(),
)
def test_any_interleaving_of_parallel_calls_gives_ordered_blocks_with_whole_inputs(data, inputs, has_text):
    """Fragments of each call stay in order; calls (and text) interleave at will."""
    queues = []
    for index, value in enumerate(inputs):
        text = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
        width = data.draw(st.integers(1, len(text)))
        pieces = [text[start : start + width] for start in range(0, len(text), width)]
        head = {
            "index": index,
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": f"tool_{index}", "arguments": ""},
        }
        queues.append([head, *({"index": index, "function": {"arguments": piece}} for piece in pieces)])
    deltas = []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        deltas.append({"tool_calls": [queue.pop(0)]})
        if has_text and data.draw(st.booleans()):
            deltas.append({"content": "w"})
    payloads = [
        {"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    payloads.append({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    stream = b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads) + b"data: [DONE]\n\n"
    relay = _relay()
    answer = message(relayed(relay, stream))
    assert {block.name: block.input for block in answer.content if block.type == "tool_use"} == {
        f"tool_{index}": value for index, value in enumerate(inputs)
    }
    assert _text(answer) == "w" * sum("content" in delta for delta in deltas)
    assert relay.malformed_events == 0
