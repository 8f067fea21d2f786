"""What requests asked and answers said, as text, in every dialect and form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.kinds import Kind
from tidegate.wire.transcript import Turn, read_prompt, read_streamed_answer, read_whole_answer


def body(**fields) -> bytes:
    return json.dumps(fields).encode()


def stream(*events: dict | str) -> bytes:
    return b"".join(
        b"data: " + (event.encode() if isinstance(event, str) else json.dumps(event).encode()) + b"\n\n"
        for event in events
    )


CALL = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"id": 7}'}}

PROMPTS = [
    (Kind.COMPLETIONS, {"prompt": "Once"}, [("user", "Once")]),
    (Kind.EMBEDDINGS, {"input": ["a", "b"]}, [("user", "a\nb")]),
    (
        Kind.CHAT,
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {}}]},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "content": "found"},
            ]
        },
        [
            ("system", "Be kind."),
            ("user", "See\n[image_url]"),
            ("assistant", '[look_up({"id": 7})]'),
            ("tool", "found"),
        ],
    ),
    (
        Kind.MESSAGES,
        {
            "system": [{"type": "text", "text": "Be kind."}],
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "name": "look_up", "input": {"id": 7}}]},
                {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "found"}]}]},
            ],
        },
        [("system", "Be kind."), ("user", "hi"), ("assistant", '[look_up({"id":7})]'), ("user", "found")],
    ),
    (
        Kind.RESPONSES,
        {
            "instructions": "Be kind.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "function_call", "name": "look_up", "arguments": "{}"},
                {"type": "function_call_output", "output": "found"},
            ],
        },
        [
            ("system", "Be kind."),
            ("user", "hi"),
            ("function_call", "[look_up({})]"),
            ("function_call_output", "found"),
        ],
    ),
    (Kind.RESPONSES, {"input": "hi"}, [("user", "hi")]),
]


@pytest.mark.parametrize(("kind", "fields", "turns"), PROMPTS)
def test_a_prompt_is_its_turns(kind, fields, turns):
    assert read_prompt(kind, body(model="bot", **fields)) == tuple(Turn(*turn) for turn in turns)


WHOLE = [
    (Kind.CHAT, {"choices": [{"message": {"content": "Hi"}}]}, "Hi"),
    (Kind.CHAT, {"choices": [{"message": {"content": "A"}}, {"message": {"content": "B"}}]}, "A\n[choice 2]\nB"),
    (Kind.CHAT, {"choices": [{"message": {"content": None, "refusal": "No."}}]}, "No."),
    (Kind.CHAT, {"choices": [{"message": {"content": "", "tool_calls": [CALL]}}]}, '[look_up({"id": 7})]'),
    (Kind.COMPLETIONS, {"choices": [{"text": "upon a time"}]}, "upon a time"),
    (Kind.MESSAGES, {"content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]}, "Hi\nthere"),
    (
        Kind.RESPONSES,
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]},
        "Hi",
    ),
    (Kind.EMBEDDINGS, {"data": [{"embedding": [1.0]}]}, ""),
]


@pytest.mark.parametrize(("kind", "fields", "text"), WHOLE)
def test_a_whole_answer_is_its_text(kind, fields, text):
    assert read_whole_answer(kind, body(**fields)) == text


def delta(index=0, **fields):
    return {"choices": [{"index": index, "delta": fields}]}


STREAMS = [
    (
        Kind.CHAT,
        stream(delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo"), "[DONE]"),
        "Hello",
    ),
    (Kind.CHAT, stream(delta(content="A"), delta(1, content="B"), delta(content="a")), "Aa\n[choice 2]\nB"),
    (
        Kind.CHAT,
        stream(
            delta(tool_calls=[{"index": 0, "function": {"name": "look_up", "arguments": ""}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": '{"id"'}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": ": 7}"}}]),
        ),
        '[look_up] {"id": 7}',
    ),
    (Kind.COMPLETIONS, stream({"choices": [{"index": 0, "text": "Once"}]}, "[DONE]"), "Once"),
    (
        Kind.MESSAGES,
        b"event: content_block_delta\n"
        + stream({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}})
        + stream({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        "Hi",
    ),
    (
        Kind.RESPONSES,
        stream({"type": "response.output_text.delta", "delta": "Hi"}, {"type": "response.completed", "response": {}}),
        "Hi",
    ),
]


@pytest.mark.parametrize(("kind", "data", "text"), STREAMS)
def test_a_stream_is_the_text_its_events_add_up_to(kind, data, text):
    assert read_streamed_answer(kind, data) == text


def test_an_event_that_was_cut_is_left_out():
    data = stream(delta(content="Hel"), delta(content="lo"))
    assert read_streamed_answer(Kind.CHAT, data[:-4]) == "Hel"


@given(st.sampled_from(list(Kind)), st.binary(max_size=200))
def test_bytes_of_any_kind_say_nothing_rather_than_fail(kind, data):
    read_prompt(kind, data)
    read_whole_answer(kind, data)
    read_streamed_answer(kind, b"data: " + data + b"\n\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "type", "text", "choices", "delta", "input", "tool_calls"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(list(Kind)), JSON)
def test_documents_of_any_shape_say_what_they_can(kind, document):
    data = json.dumps(document).encode()
    read_prompt(kind, data)
    read_whole_answer(kind, data)
    read_streamed_answer(kind, b"data: " + data + b"\n\n")
