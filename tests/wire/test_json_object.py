"""One level of a JSON object: raw values, and everything that is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire import MalformedBodyError
from tidegate.wire.json_object import JsonObject

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), VALUES, max_size=6)
STYLES = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:  ")])


@given(OBJECTS, STYLES, st.booleans(), st.booleans())
def test_fields_are_the_sender_s_own_bytes(value, separators, ensure_ascii, as_bytearray):
    dump = lambda item: json.dumps(item, ensure_ascii=ensure_ascii, separators=separators).encode()  # noqa: E731
    body = dump(value)
    fields = JsonObject.parse(bytearray(body) if as_bytearray else body).fields
    assert {key: bytes(raw) for key, raw in fields.items()} == {key: dump(item) for key, item in value.items()}


@given(OBJECTS.filter(bool), VALUES, STYLES, st.booleans(), st.data())
def test_a_key_twice_is_refused_wherever_and_however_it_is_written(value, other, separators, is_escaped, data):
    comma, colon = separators
    key = data.draw(st.sampled_from(sorted(value)))
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(key))
    pairs = [json.dumps(name) + colon + json.dumps(item, separators=separators) for name, item in value.items()]
    again = (f'"{escaped}"' if is_escaped else json.dumps(key)) + colon + json.dumps(other, separators=separators)
    pairs.insert(data.draw(st.integers(0, len(pairs))), again)
    with pytest.raises(MalformedBodyError, match="twice"):
        JsonObject.parse(("{" + comma.join(pairs) + "}").encode())


def _utf16(text):
    encoded = text.encode("utf-16-be")
    return [int.from_bytes(encoded[i : i + 2], "big") for i in range(0, len(encoded), 2)]


def test_a_duplicate_hidden_in_the_length_of_default_spacing_is_refused():
    body = b'{"a":1,"b":2,"c":3,"a":4}'
    with pytest.raises(MalformedBodyError, match="'a'"):
        JsonObject.parse(body)
    with pytest.raises(MalformedBodyError, match="'a'"):
        JsonObject.parse(b'{"a":1,"a": 1}')


def test_a_duplicate_number_that_is_a_prefix_is_refused():
    with pytest.raises(MalformedBodyError, match="twice"):
        JsonObject.parse(b'{"a":12,"a":1}')


def test_a_duplicate_whose_text_imitates_the_walk_is_refused():
    with pytest.raises(MalformedBodyError, match="twice"):
        JsonObject.parse(b'{"a":"x\\",\\"b\\":1","b":1,"a":"x"}')


def test_equal_keys_on_a_deeper_level_are_the_upstream_s_matter():
    assert list(JsonObject.parse(b'{"a":{"b":1,"b":2}}').fields) == ["a"]


def test_the_field_at_fault_is_named():
    with pytest.raises(MalformedBodyError) as caught:
        JsonObject.parse(b'{"model":"x","\\u006dodel":"y"}')
    assert caught.value.where == "model"
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b'"x"',
        b"{",
        b'{"a"}',
        b'{"a":1,}',
        b'{"a":NaN}',
        b'{"a":1}x',
        b'{"a":"\xff"}',
        b'{"\xc0\x80":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\x01"}',
        b'{"a":"\\ud800"}',
    ],
)
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(MalformedBodyError):
        JsonObject.parse(body)


def test_a_character_cut_by_the_block_size_of_the_utf8_check_is_whole():
    body = b'{"a":"' + "€".encode() * 200_000 + b'"}'
    assert len(bytes(JsonObject.parse(body).fields["a"])) == 600_002


def test_a_bad_byte_far_inside_a_large_body_is_found():
    with pytest.raises(MalformedBodyError, match="UTF-8"):
        JsonObject.parse(b'{"a":"' + b"x" * 1_000_000 + b"\xff" + b'"}')


@pytest.mark.parametrize("unit", [b"[", b'{"a":'])
def test_deep_nesting_is_an_error_of_the_body_not_a_crash(unit):
    with pytest.raises(MalformedBodyError, match=r"deep|JSON"):
        JsonObject.parse(b'{"a":' + unit * 200_000)


def test_whitespace_around_the_object_is_allowed():
    assert bytes(JsonObject.parse(b' \r\n{ "a" : 1 } \n').fields["a"]) == b"1"


def test_the_empty_object_has_no_fields():
    assert JsonObject.parse(b"{}").fields == {}
    assert JsonObject.parse(b"{ }").fields == {}
