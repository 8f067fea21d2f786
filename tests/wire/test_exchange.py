"""One exchange from end to end, and the memory of prepared insertions."""

from __future__ import annotations

import json

import pytest
from tests.wire.streams import chunk, finish, relay_all, text

from tidegate.errors import OperatorError
from tidegate.wire.exchange import Exchange, open_exchange
from tidegate.wire.insertion import Insertion
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import KINDS_BY_PATH, Kind
from tidegate.wire.prepared import prepare
from tidegate.wire.request import read_request


def opened(kind: Kind = Kind.CHAT, **fields: object) -> Exchange:
    body = JsonObject.parse(json.dumps({"model": "bot", **fields}).encode())
    return open_exchange(kind, body, read_request(kind, body), Insertion(model="m"), kind.dialect)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.CHAT, "/chat/completions"),
        (Kind.COMPLETIONS, "/completions"),
        (Kind.EMBEDDINGS, "/embeddings"),
        (Kind.RESPONSES, "/responses"),
        (Kind.MESSAGES, "/v1/messages"),
        (Kind.COUNT_TOKENS, "/v1/messages/count_tokens"),
    ],
)
def test_every_kind_has_its_path_and_its_dialect_s_headers(kind, path):
    exchange = opened(kind)
    assert exchange.path == path
    names = [name for name, _ in exchange.headers]
    assert names == ([b"content-type", b"anthropic-version"] if kind.dialect == "anthropic" else [b"content-type"])
    assert next(front for front, named in KINDS_BY_PATH.items() if named is kind).endswith(path)


def test_each_relay_is_fresh():
    exchange = opened(stream=True)
    first, second = exchange.stream(), exchange.stream()
    first.feed(chunk(text("a")))
    assert (first.has_content, second.has_content) == (True, False)


@pytest.mark.parametrize(("asked", "is_kept"), [(True, True), (False, False)])
def test_usage_reaches_the_client_only_when_it_asked(asked, is_kept):
    exchange = opened(stream=True, **({"stream_options": {"include_usage": True}} if asked else {}))
    relay = exchange.stream()
    usage = chunk(usage={"prompt_tokens": 1, "completion_tokens": 2})
    given = relay_all(relay, [chunk(text("a")), chunk(finish()), usage])
    assert (usage in given) is is_kept
    assert relay.usage is not None


def test_answers_and_errors_are_read_in_the_dialect_of_the_client():
    assert opened(Kind.MESSAGES).answer(b'{"content":[],"stop_reason":"end_turn"}').finish_reason == "end_turn"
    assert json.loads(opened(Kind.MESSAGES).error(502, b"x").body)["type"] == "error"
    assert "type" not in json.loads(opened(Kind.CHAT).error(502, b"x").body)


def test_the_parts_are_handed_over_and_not_held_while_the_answer_comes():
    exchange = opened()
    assert exchange.request_parts() == [b'{"model":"m"}']
    assert exchange.request_parts() == []


def test_an_insertion_is_prepared_once_per_kind():
    insertion = Insertion(model="m")
    assert prepare(Kind.CHAT, insertion) is prepare(Kind.CHAT, insertion)
    assert prepare(Kind.CHAT, insertion) is not prepare(Kind.MESSAGES, insertion)


def test_insertions_that_come_and_go_are_never_mistaken_for_each_other():
    for number in range(10_000):
        assert prepare(Kind.CHAT, Insertion(model=str(number))).head == b'{"model":"%d"' % number


def test_a_broken_prompt_is_not_blamed_on_the_client():
    body = JsonObject.parse(b'{"model":"b","messages":[]}')
    insertion = Insertion(model="m", system="{{", variables={})
    with pytest.raises(OperatorError):
        open_exchange(Kind.CHAT, body, read_request(Kind.CHAT, body), insertion, "openai")


def test_a_stream_misses_a_choice_that_its_client_asked_for():
    relay = opened(n=2).stream()
    relay.feed(chunk(text("a")) + chunk(finish("stop")))
    relay.end()
    assert not relay.is_complete
