"""What is recognised by its habit is what a full look would have made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.gateway.http.habit import Habit
from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.plain_heads import split_answer
from tidegate.gateway.http.refusal import RefusalError
from tidegate.gateway.http.requests import Request, RequestReader

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-B: c\r\n\r\n"


def learned(head: bytes = HEAD) -> Habit:
    habit = Habit()
    assert habit.learn(head)
    return habit


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 1000])
def test_the_same_head_with_another_length_is_recognised(body):
    length = b"%d" % len(body)
    head = HEAD.replace(b"Length: 2", b"Length: " + length)
    assert learned().body_of(head + body) == body
    assert learned().length_in(head) == length


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\0" + b"12" + b"\0", HEAD + b"xy"])
def test_before_anything_was_learned_nothing_is_recognised(data):
    assert Habit().body_of(data) is None
    assert Habit().length_in(data + b"\r\n\r\n") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        HEAD + b"x",
        HEAD + b"xyz",
        HEAD[:30] + b"xy",
        HEAD.replace(b"X-B: c", b"X-B: d") + b"xy",
        HEAD.replace(b"/a", b"/b") + b"xy",
        HEAD.replace(b"Length: 2", b"Length: +2") + b"xy",
        HEAD.replace(b"Length: 2", b"Length:  2") + b"xy",
        HEAD.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 2") + b"xy",
        HEAD.replace(b"Length: 2", b"Length: 0000000000000000002") + b"xy",
        HEAD.replace(b"Length: 2", b"Length: ") + b"xy",
    ],
)
def test_anything_else_is_not(data):
    assert learned().body_of(data) is None


def test_a_sender_whose_heads_never_come_again_is_not_followed_for_long():
    habit = Habit()
    assert sum(habit.learn(HEAD.replace(b"c", b"%d" % number)) for number in range(100)) == 8


def test_a_sender_whose_heads_come_again_is_followed_when_they_change():
    habit = Habit()
    for number in range(100):
        head = HEAD.replace(b"X-B: c", b"X-B: %d" % number)
        assert habit.learn(head)
        assert habit.body_of(head + b"xy") is not None


LINES = [
    b"X-B: c",
    b"x-b: c",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Transfer-Encoding: chunked",
    b"Upgrade: x",
]
MESSAGES = st.builds(
    lambda line, length, body, extra: (
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\n%b\r\n\r\n%b%b" % (length, line, body, extra)
    ),
    st.sampled_from(LINES),
    st.sampled_from([b"0", b"2", b"02", b"3", b"-2", b"2 "]),
    st.sampled_from([b"", b"xy", b"xyz"]),
    st.sampled_from([b"", b"", b"P"]),
)


@given(st.lists(MESSAGES, min_size=1, max_size=6))
def test_a_reader_finds_the_same_requests_with_its_habits_as_without(messages):
    quick, slow = RequestReader(Limits()), RequestReader(Limits())
    for message in messages:
        found = quick.whole_request(message)
        told = _told(found) if found is not None else _next(quick, message)
        assert told == _next(slow, message)
        if isinstance(told, RefusalError | int) or told is None:
            return  # the reader is of no use any more, or in the midst of a request
        assert quick.held == slow.held
        if quick.held:
            assert quick.whole_request(messages[0]) is None
            return


def _next(reader: RequestReader, data: bytes) -> object:
    reader.feed(data)
    try:
        request = reader.next_request()
    except RefusalError as refusal:
        return refusal.status
    return None if request is None else _told(request)


def _told(request: Request) -> object:
    return request.method, request.target, request.headers, bytes(request.body), request.is_keep_alive


def test_a_body_beyond_the_limit_is_refused_although_its_head_is_known():
    reader = RequestReader(Limits(body_bytes=100))
    for _ in range(3):
        _next(reader, HEAD + b"xy")
    large = HEAD.replace(b"Length: 2", b"Length: 200") + bytes(200)
    assert reader.whole_request(large) is None
    assert _next(reader, large) == 413


@given(
    st.lists(
        st.builds(
            lambda length, body, status: (
                b"HTTP/1.1 %b\r\ncontent-type: a/b\r\ncontent-length: %b\r\n\r\n%b" % (status, length, body)
            ),
            st.sampled_from([b"0", b"2", b"3", b"02"]),
            st.sampled_from([b"", b"xy", b"xyz"]),
            st.sampled_from([b"200 OK", b"404 No", b"204 No"]),
        ),
        max_size=6,
    )
)
def test_an_answer_is_the_same_with_habits_as_without(answers):
    habit = Habit()
    known = None
    for answer in answers:
        whole = split_answer(answer)
        body = habit.body_of(answer)
        if body is not None:
            assert known is not None
            assert whole == (*known, body)
        if whole is not None and habit.learn(answer[: len(answer) - len(whole[2])]):
            known = whole[:2]
