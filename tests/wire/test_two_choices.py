"""Two chat answers as one, however they are cut up on their way."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.two_choices import ChoiceStream, Head, added, end_of_streams, whole_answer

HEAD = Head("chatcmpl-1", 1_700_000_000, "bot")


def answer(text: str, tokens: int, **more: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens}
    made = {"id": text, "object": "chat.completion", "model": "secret", "choices": [choice], "usage": usage}
    return json.dumps(made | more).encode()


def chunk(**fields: object) -> bytes:
    return b"data: " + json.dumps({"id": "x", "model": "secret", "choices": [], **fields}).encode() + b"\n\n"


def said(text: str) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}}])


STREAM = b"".join(
    [
        b": keepalive\n\n",
        chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}]),
        said("hé"),
        said("llo"),
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        chunk(usage={"prompt_tokens": 3, "completion_tokens": 2}),
        b"data: [DONE]\n\n",
    ]
)


def test_whole_answers_become_choices_in_their_places_and_tokens_add_up():
    made = json.loads(whole_answer(HEAD, [answer("a", 5, system_fingerprint="fp"), answer("b", 7)]))
    assert [(each["index"], each["message"]["content"]) for each in made["choices"]] == [(0, "a"), (1, "b")]
    assert made["usage"] == {"prompt_tokens": 6, "completion_tokens": 12, "total_tokens": 18}
    assert (made["id"], made["model"], made["object"]) == ("chatcmpl-1", "bot", "chat.completion")
    assert "secret" not in json.dumps(made)
    assert "system_fingerprint" not in made


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_becomes_a_choice_wherever_it_is_cut(cuts):
    stream, edges = ChoiceStream(HEAD, 1), [0, *sorted(cuts), len(STREAM)]
    made = b"".join(stream.feed(STREAM[start:end]) for start, end in pairwise(edges))
    events = [json.loads(line[6:]) for line in made.decode().splitlines() if line]
    assert {choice["index"] for event in events for choice in event["choices"]} == {1}
    assert "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"]) == "héllo"
    assert {(event["id"], event["model"]) for event in events} == {("chatcmpl-1", "bot")}
    assert stream.usage == {"prompt_tokens": 3, "completion_tokens": 2}
    assert not stream.is_broken


def test_an_error_event_is_kept_from_the_other_choice():
    stream = ChoiceStream(HEAD, 0)
    assert stream.feed(b'data: {"error": {"message": "secret"}}\n\n') == b""
    assert stream.is_broken
    assert stream.feed(said("late")) == b""
    told = json.loads(stream.break_off()[6:])
    assert told["choices"] == [{"index": 0, "delta": {}, "finish_reason": "error"}]


@pytest.mark.parametrize("is_told", [True, False])
def test_the_common_stream_ends_with_all_tokens_if_anybody_told_them(is_told):
    streams = [ChoiceStream(HEAD, place) for place in (0, 1)]
    if is_told:
        for stream in streams:
            stream.feed(STREAM)
    *usage, done = end_of_streams(HEAD, streams).decode().strip().split("\n\n")
    assert done == "data: [DONE]"
    assert [json.loads(line[6:])["usage"] for line in usage] == (
        [{"prompt_tokens": 6, "completion_tokens": 4}] if is_told else []
    )


@given(st.lists(st.one_of(st.none(), st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)))))
def test_tokens_add_up_in_any_order(usages):
    assert added(usages) == added(usages[::-1])


def test_details_of_tokens_add_up_too():
    one = {"prompt_tokens": 1, "details": {"cached": 2}, "cost": None}
    assert added([one, {"prompt_tokens": 3, "details": {"cached": 4, "audio": 5}, "cost": 7}]) == {
        "prompt_tokens": 4,
        "details": {"cached": 6, "audio": 5},
        "cost": 7,
    }
