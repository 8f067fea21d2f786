from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.request_id import RequestIds, read_request_id
from tidegate.errors import InvalidInputError

KEY = b"k" * 32
NOW = datetime(2026, 9, 15, 12, 0, 0, 123_000, tzinfo=UTC)


def test_an_id_tells_when_and_where_it_was_made():
    ids = RequestIds(KEY, b"boot-1")
    now_ms = int(NOW.timestamp() * 1000)
    first, second = ids.make(now_ms), ids.make(now_ms)
    assert first != second
    assert read_request_id(second, KEY) == (NOW, b"boot-1", 2)


def test_an_id_of_another_installation_is_refused():
    text = RequestIds(b"x" * 32, b"boot-1").make(1)
    with pytest.raises(InvalidInputError, match="not a request id"):
        read_request_id(text, KEY)


@given(st.integers(0, 35), st.characters(codec="ascii"))
def test_a_changed_character_is_noticed(position, character):
    text = RequestIds(KEY, b"boot-1").make(1_700_000_000_000)
    forged = text[:position] + character + text[position + 1 :]
    if forged != text:
        with pytest.raises(InvalidInputError):
            read_request_id(forged, KEY)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text):
    with pytest.raises(InvalidInputError):
        read_request_id(text, KEY)
