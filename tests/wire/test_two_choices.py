"""Two chat answers as one, however they are cut up on their way."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.two_choices import ChoiceStream, Head, added, end_of_streams, read_choice, whole_answer

HEAD = Head("chatcmpl-1", 1_700_000_000, "bot")


def answer(text: str, tokens: int, **more: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens}
    made = {"id": text, "object": "chat.completion", "model": "secret", "choices": [choice], "usage": usage}
    return json.dumps(made | more).encode()


def both(*answers: bytes) -> bytes:
    return whole_answer(HEAD, [read_choice(each) for each in answers])


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
    made = json.loads(both(answer("a", 5, system_fingerprint="fp"), answer("b", 7)))
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


ODD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)
NAMES = st.sampled_from(["prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"])
ODD_USAGE = st.one_of(ODD, st.dictionaries(NAMES, ODD), st.dictionaries(NAMES, st.just({"cached_tokens": 2**70})))


@given(ODD_USAGE, st.dictionaries(st.text(max_size=4), ODD, max_size=3))
def test_an_odd_usage_and_what_a_provider_adds_spoil_no_answer(usage, more):
    choice = {**more, "message": {**more, "role": "assistant", "content": "b"}, "stop_reason": "</s>"}
    made = json.loads(both(answer("a", 5), answer("", 0, usage=usage, choices=[choice], **more)))
    assert [each["message"]["content"] for each in made["choices"]] == ["a", "b"]
    assert {name for each in made["choices"] for name in each} <= {"index", "message", "finish_reason", "logprobs"}
    promised = {"role", "content", "refusal", "annotations", "audio"}
    assert {name for each in made["choices"] for name in each["message"]} <= promised
    assert 5 <= made["usage"]["completion_tokens"] <= 5 + 2**31
    stream = ChoiceStream(HEAD, 0)
    said = json.loads(stream.feed(chunk(choices=[{**choice, "delta": choice["message"]}], usage=usage))[6:])
    assert said["choices"][0]["delta"]["content"] == "b"
    end_of_streams(HEAD, [stream, stream])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"{}",
        answer("a", 1, choices=[]),
        answer("a", 1, choices=None),
        answer("a", 1, choices=[{"message": "hello"}]),
        answer("a", 1, choices=[{}]),
        b'{"choices": ' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    ],
)
def test_what_is_no_choice_is_none(body):
    assert read_choice(body) is None


def test_a_usage_nested_without_end_is_none():
    deep = b'{"choices": [{"message": {"content": "a"}}], "usage": ' + b"[" * 9_000 + b"]" * 9_000 + b"}"
    found = read_choice(deep)
    assert found is None or found.usage is None


def test_an_event_that_only_ends_a_choice_ends_it():
    told = ChoiceStream(HEAD, 1).feed(chunk(choices=[{"finish_reason": "stop", "x_eos": 2}]))
    assert json.loads(told[6:])["choices"] == [{"index": 1, "delta": {}, "finish_reason": "stop"}]


COUNTS = st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), st.integers(0, 9))


@given(st.lists(st.one_of(st.none(), COUNTS)))
def test_tokens_add_up_in_any_order(usages):
    assert added(usages) == added(usages[::-1])


def test_details_of_tokens_add_up_too():
    one = {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}
    other = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 5}}
    assert added([one, other]) == {
        "prompt_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 6, "audio_tokens": 5},
    }
