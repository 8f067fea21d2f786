"""Marks of makers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.reasoning.marks import OPENING, holds_marks, mark_of, split_mark

OURS = mark_of("https://api.anthropic.com")


@given(st.text())
def test_what_was_marked_is_what_comes_out_again(original):
    found = split_mark(OURS.decode() + original)
    assert found == (OURS.decode(), original)


@given(st.text(min_size=1))
def test_a_mark_before_a_mark_is_taken_off_alone(original):
    other = mark_of("https://gateway.example/v1").decode()
    assert split_mark(other + OURS.decode() + original) == (other, OURS.decode() + original)


@pytest.mark.parametrize(
    "strange",
    [
        "",
        "EqQB",
        "~tidegate.",
        "~tidegate.3fa9c1d.x",
        "~tidegate.3FA9C1D2.x",
        "~tidegate.3fa9c1d2",
        " ~tidegate.3fa9c1d2.x",
        None,
        7,
        ["~tidegate.3fa9c1d2.x"],
        {"a": 1},
    ],
)
def test_what_is_no_mark_is_none(strange):
    assert split_mark(strange) is None


def test_a_mark_is_the_same_for_ever():
    """Clients hold histories for weeks, and every gateway must know its own marks in them."""
    assert mark_of("https://api.anthropic.com") == b"~tidegate.85f13dfe."
    assert re.fullmatch(re.escape(OPENING) + rb"[0-9a-f]{8}\.", OURS)


def test_one_address_is_one_maker_however_it_is_written():
    assert mark_of("https://API.anthropic.com/") == OURS
    assert mark_of("https://llm.example/a/v1") != mark_of("https://llm.example/b/v1")
    assert mark_of("http://api.anthropic.com") != OURS


def test_a_name_joins_and_parts_makers():
    assert mark_of("http://gpu-1:8000/v1", "qwen") == mark_of("http://gpu-2:8000/v1", "qwen")
    assert mark_of("https://api.openai.com/v1", "team-a") != mark_of("https://api.openai.com/v1", "team-b")
    assert mark_of("https://a.example", "https://b.example") != mark_of("https://b.example")


@pytest.mark.parametrize(
    ("body", "is_held"),
    [
        (b"plain", False),
        (b"~ and ~tide", False),
        (b'{"a":"~~tidegate.3fa9c1d2.x"}', True),
        (b"~" * 5000, False),
        (b"~" * 5000 + b"tidegate.", True),
        (bytearray(b"~ ~tidegate."), True),
    ],
)
def test_marks_are_seen_without_decoding(body, is_held):
    assert holds_marks(body) is is_held
