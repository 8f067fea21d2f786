"""Places of values in JSON text."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.reasoning.spans import Edit, RepeatedKeyError, edited, items, members, whole, without

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])


def written(value, layout) -> bytes:
    return b" " + json.dumps(value, **layout).encode() + b"\n"


@given(st.lists(VALUES, max_size=6), LAYOUTS)
def test_items_are_found_where_they_stand(values, layout):
    text = written(values, layout)
    assert [json.loads(text[start:end]) for start, end in items(text, whole(text))] == values


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=6), LAYOUTS)
def test_members_are_found_where_they_stand(values, layout):
    text = written(values, layout)
    found = members(memoryview(text), whole(text))
    assert {name: json.loads(text[slice(*member.value)]) for name, member in found.items()} == values
    assert all(
        json.loads(b"{%b}" % text[slice(*member.whole)]) == {name: values[name]} for name, member in found.items()
    )


@given(st.lists(VALUES, max_size=6), st.sets(st.integers(0, 5)), LAYOUTS)
def test_what_is_taken_out_of_a_list_leaves_the_others_as_they_were(values, dropped, layout):
    text = written(values, layout)
    spans = items(text, whole(text))
    rest = edited(text, without(spans, dropped))
    assert json.loads(rest) == [value for place, value in enumerate(values) if place not in dropped]
    kept = [text[start:end] for place, (start, end) in enumerate(spans) if place not in dropped]
    assert [rest[start:end] for start, end in items(rest, whole(rest))] == kept


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=6), st.sets(st.integers(0, 5)), LAYOUTS)
def test_what_is_taken_out_of_an_object_leaves_the_others_as_they_were(values, dropped, layout):
    text = written(values, layout)
    wholes = [member.whole for member in members(text, whole(text)).values()]
    rest = json.loads(edited(text, without(wholes, dropped)))
    assert rest == {name: value for place, (name, value) in enumerate(values.items()) if place not in dropped}


def test_edits_are_made_in_any_order():
    assert edited(b"abcdef", [Edit(4, 5, b"X"), Edit(1, 1, b"-"), Edit(2, 3)]) == b"a-bdXf"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"b":3,"a":22}',
        b'{"a":"\\",\\"b\\":","b":3,"a":"..........."}',
        b'{"a":1,"\\u0061":1}',
        b'{"a":[1],"a":1}',
        b'{"a":1,"b":2,"b":2}',
    ],
)
def test_a_key_twice_has_no_place(text):
    with pytest.raises(RepeatedKeyError):
        members(text, whole(text))


@pytest.mark.parametrize("text", [b"[1,2]", b'"x"', b"null", b"{", b'{"a":1}x'])
def test_what_is_no_object_has_no_members(text):
    with pytest.raises(msgspec.DecodeError):
        members(text, whole(text))
