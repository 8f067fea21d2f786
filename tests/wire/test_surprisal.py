"""Log probabilities as both endpoints tell them, and what is no probability."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.streams import assert_chunking_does_not_matter, chunk, event, finish

from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.relay_chat import ChatRelay, ScoredChatRelay
from tidegate.wire.request import read_request
from tidegate.wire.surprisal import NOTHING, Surprisal, read_surprisal

LOGPROBS = st.lists(st.floats(-20, 0), max_size=20)


def chat(*values: float | None, field: str = "content") -> bytes:
    told = [{"token": "x", "logprob": value, "top_logprobs": []} for value in values]
    return json.dumps({"choices": [{"index": 0, "logprobs": {field: told}, "message": {}}]}).encode()


@given(LOGPROBS)
def test_the_sum_and_the_count_of_a_whole_answer(values):
    found = read_surprisal(chat(*values))
    assert found.tokens == len(values)
    assert found.unats == pytest.approx(-sum(values) * 1e6, abs=1)


def test_completions_tell_it_in_a_list_and_refusals_count():
    text = {"choices": [{"text": "ab", "logprobs": {"tokens": ["a", "b"], "token_logprobs": [None, -0.5]}}]}
    assert read_surprisal(json.dumps(text).encode()) == Surprisal(500_000, 1)
    assert read_surprisal(chat(-0.25, field="refusal")) == Surprisal(250_000, 1)


def test_what_is_no_probability_is_left_out():
    assert read_surprisal(chat(-9999.0, None, 1e-9, -1.0)) == Surprisal(1_000_000, 2)
    for odd in (b"", b"[]", b"{", b"[DONE]", b'{"choices":null}', b'{"choices":[{"logprobs":null}]}', b"\xff"):
        assert read_surprisal(odd) == NOTHING


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=6), st.lists(st.integers(0), max_size=4))
def test_a_stream_tells_what_the_whole_answer_tells_however_it_is_cut(values, cuts):
    told = [{"content": [{"token": "x", "logprob": value}]} for value in values]
    events = [chunk({"index": 0, "delta": {"content": "x"}, "logprobs": each, "finish_reason": None}) for each in told]
    stream = b"".join([*events, chunk(finish()), b"data: [DONE]\n\n"])
    relay = ScoredChatRelay()
    assert relay.feed(stream) + relay.end() == stream
    assert relay.surprisal.tokens == len(values)
    assert relay.surprisal.unats == pytest.approx(-math.fsum(values) * 1e6, abs=len(values))
    assert_chunking_does_not_matter(ScoredChatRelay, stream, cuts)


def test_nobody_looks_unless_the_client_asked():
    stream = event({"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [{"logprob": -1}]}}]})
    relay = ChatRelay()
    relay.feed(stream)
    assert relay.surprisal == NOTHING
    for value, wants in ((True, True), (False, False), (None, False), (0, True), (5, True), ("yes", False)):
        body = JsonObject.parse(json.dumps({"model": "bot", "logprobs": value}).encode())
        assert read_request(Kind.CHAT, body).wants_logprobs is wants
