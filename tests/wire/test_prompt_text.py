"""What requests asked, as text, in every dialect and form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.kinds import Kind
from tidegate.wire.prompt_text import Turn, read_prompt


def body(**fields) -> bytes:
    return json.dumps(fields).encode()


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


@given(st.sampled_from(list(Kind)), st.binary(max_size=200))
def test_bytes_of_any_kind_say_nothing_rather_than_fail(kind, data):
    read_prompt(kind, data)


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
