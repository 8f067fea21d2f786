"""Exchanges across dialects, opened the way the gateway opens them."""

import json

import pytest
from anthropic.types import MessageTokensCount
from tests.wire.translate.sdk_reading import completion, message, recorded, relayed
from tests.wire.translate.sdk_requests import assert_chat_request, assert_messages_request

from tidegate.wire.errors import MalformedBodyError, UnsupportedByDialectError
from tidegate.wire.exchange import open_exchange
from tidegate.wire.insertion import Insertion, Message
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.request import read_request
from tidegate.wire.translate import open_translated

USER = {"role": "user", "content": "hi"}
FEW_SHOT = (Message("user", "q"), Message("assistant", "a"))
BARE = Insertion(model="up")


def _open(kind, dialect, insertion=BARE, **fields):
    body = JsonObject.parse(json.dumps({"model": "svc", "messages": [USER]} | fields).encode())
    return open_exchange(kind, body, read_request(kind, body), insertion, dialect)


def _sent(exchange):
    return json.loads(b"".join(exchange.request_parts()))


def _to_anthropic(insertion=BARE, **fields):
    body = _sent(_open(Kind.CHAT, "anthropic", insertion, **fields))
    assert_messages_request(body)
    return body


def _to_openai(insertion=BARE, **fields):
    return _sent(_open(Kind.MESSAGES, "openai", insertion, **({"max_tokens": 5} | fields)))


def test_the_way_to_anthropic_is_its_own():
    exchange = _open(Kind.CHAT, "anthropic")
    assert exchange.path == "/v1/messages"
    assert dict(exchange.headers)[b"anthropic-version"] == b"2023-06-01"
    assert exchange.local_answer is None
    assert _sent(exchange)["model"] == "up"


def test_the_way_to_openai_is_its_own():
    exchange = _open(Kind.MESSAGES, "openai", max_tokens=5)
    assert exchange.path == "/chat/completions"
    assert b"anthropic-version" not in dict(exchange.headers)
    assert exchange.local_answer is None
    sent = _sent(exchange)
    assert sent["model"] == "up"
    assert_chat_request(sent)


@pytest.mark.parametrize(
    ("policy", "system"),
    [
        ("prepend", [{"type": "text", "text": "ours"}, {"type": "text", "text": "theirs"}]),
        ("replace", "ours"),
        ("keep", "theirs"),
    ],
)
def test_system_policies_hold_towards_anthropic(policy, system):
    insertion = Insertion(model="up", system="ours", system_policy=policy, few_shot=FEW_SHOT)
    body = _to_anthropic(insertion, messages=[{"role": "system", "content": "theirs"}, USER])
    assert body["system"] == system
    assert [turn["content"] for turn in body["messages"]] == ["q", "a", "hi"]


@pytest.mark.parametrize(
    ("policy", "system"), [("prepend", ["ours", "theirs"]), ("replace", ["ours"]), ("keep", ["theirs"])]
)
def test_system_policies_hold_towards_openai(policy, system):
    insertion = Insertion(model="up", system="ours", system_policy=policy, few_shot=FEW_SHOT)
    body = _to_openai(insertion, system="theirs")
    assert [turn["content"] for turn in body["messages"]] == [*system, "q", "a", "hi"]


@pytest.mark.parametrize("send", [_to_anthropic, _to_openai])
def test_variables_are_rendered_and_our_field_is_stripped(send):
    insertion = Insertion(model="up", system="Be {{ tone }}.", variables={"tone": None})
    body = send(insertion, tidegate={"variables": {"tone": "kind"}})
    assert "tidegate" not in body
    assert "Be kind." in json.dumps(body)
    with pytest.raises(MalformedBodyError):
        send(insertion)


def test_generation_defaults_fill_what_the_client_left_open_towards_anthropic():
    insertion = Insertion(
        model="up", generation={"temperature": 1.8, "stop": "END", "max_tokens": 77, "seed": 1, "min_p": 0.1}
    )
    assert _to_anthropic(insertion) == {
        "model": "up",
        "messages": [USER],
        "max_tokens": 77,
        "temperature": 1,
        "stop_sequences": ["END"],
    }
    body = _to_anthropic(insertion, temperature=0.1, max_completion_tokens=5)
    assert (body["temperature"], body["max_tokens"]) == (0.1, 5)


def test_generation_defaults_fill_what_the_client_left_open_towards_openai():
    insertion = Insertion(model="up", generation={"temperature": 1.8, "seed": 1, "max_completion_tokens": 77})
    assert _to_openai(insertion) == {
        "model": "up",
        "messages": [USER],
        "max_completion_tokens": 5,
        "temperature": 1.8,
        "seed": 1,
    }


@pytest.mark.parametrize("send", [_to_anthropic, _to_openai])
def test_what_may_not_be_overridden_is_the_versions(send):
    insertion = Insertion(model="up", generation={"temperature": 0.5}, overridable=("max_tokens",))
    body = send(insertion, temperature=0.9, top_p=0.2)
    assert body["temperature"] == 0.5
    assert "top_p" not in body


def test_a_versions_own_response_format_is_unwrapped_too():
    insertion = Insertion(model="up", generation={"response_format": {"type": "json_object"}})
    exchange = _open(Kind.CHAT, "anthropic", insertion, stream=True)
    assert json.loads(
        completion(relayed(exchange.stream(), recorded("anthropic/output_tool"))).choices[0].message.content
    ) == {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    ("fields", "where"), [({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"guided_json": {}}, "guided_json")]
)
def test_a_client_is_told_what_anthropic_cannot_do(fields, where):
    with pytest.raises(MalformedBodyError) as raised:
        _to_anthropic(**fields)
    assert raised.value.where == where


def test_what_was_dropped_is_named():
    assert _open(Kind.CHAT, "anthropic", seed=3, frequency_penalty=0).dropped == ("seed", "frequency_penalty")
    assert _open(Kind.MESSAGES, "openai", top_k=3).dropped == ("top_k",)


def test_a_stream_towards_openai_asks_for_usage_once():
    body = _to_openai(stream=True)
    assert body["stream_options"] == {"include_usage": True}
    assert body["stream"] is True


def test_usage_reaches_only_the_chat_client_that_asked():
    stream = recorded("anthropic/text")
    assert b'"usage"' not in relayed(_open(Kind.CHAT, "anthropic", stream=True).stream(), stream)
    asking = _open(Kind.CHAT, "anthropic", stream=True, stream_options={"include_usage": True})
    assert completion(relayed(asking.stream(), stream)).usage.total_tokens == 35


def test_every_relay_is_fresh():
    exchange = _open(Kind.MESSAGES, "openai", max_tokens=5, stream=True)
    assert relayed(exchange.stream(), recorded("openai/text")) == relayed(exchange.stream(), recorded("openai/text"))
    assert message(relayed(exchange.stream(), recorded("openai/tool_call"))).stop_reason == "tool_use"


def test_created_is_what_the_caller_says():
    body = JsonObject.parse(json.dumps({"model": "svc", "messages": [USER]}).encode())
    exchange = open_translated(Kind.CHAT, body, read_request(Kind.CHAT, body), BARE, "anthropic", created=42)
    answer = b'{"type":"message","id":"m","model":"c","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}'
    assert json.loads(exchange.answer(answer).body)["created"] == 42


@pytest.mark.parametrize("kind", [Kind.COMPLETIONS, Kind.EMBEDDINGS, Kind.RESPONSES])
def test_other_endpoints_are_refused_with_a_way_out(kind):
    with pytest.raises(UnsupportedByDialectError, match=r"anthropic dialect.*/v1/chat/completions"):
        _open(kind, "anthropic", input="x", prompt="x")


def test_tokens_are_counted_here_with_the_versions_prompt_and_marked_as_an_estimate():
    short = _open(Kind.COUNT_TOKENS, "openai")
    long = _open(Kind.COUNT_TOKENS, "openai", Insertion(model="up", system="word " * 400, few_shot=FEW_SHOT))
    counts = [MessageTokensCount.model_validate_json(exchange.local_answer).input_tokens for exchange in (short, long)]
    assert counts[0] < 10
    assert 450 < counts[1] < 650
    assert json.loads(short.local_answer)["tidegate"] == {"is_estimate": True}


def test_errors_speak_the_clients_dialect_and_keep_their_class():
    fault = _open(Kind.CHAT, "anthropic").error(
        529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    )
    assert json.loads(fault.body)["error"] == {
        "message": "Overloaded",
        "type": "server_error",
        "param": None,
        "code": "overloaded_error",
    }
    assert fault.status == 529
    quota = b'{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}}'
    fault = _open(Kind.MESSAGES, "openai", max_tokens=1).error(429, quota)
    assert json.loads(fault.body) == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "You exceeded your quota"},
    }
    assert fault.is_quota


@pytest.mark.parametrize(("kind", "dialect"), [(Kind.CHAT, "anthropic"), (Kind.MESSAGES, "openai")])
@pytest.mark.parametrize("status", [401, 403])
def test_what_is_said_of_our_credential_stays_here(kind, dialect, status):
    fault = _open(kind, dialect, max_tokens=1).error(
        status, b'{"error":{"message":"Incorrect API key sk-abcdef123456"}}'
    )
    assert b"sk-abcdef" not in fault.body


@pytest.mark.parametrize(("kind", "dialect"), [(Kind.CHAT, "anthropic"), (Kind.MESSAGES, "openai")])
@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[" * 3000, b"\xff\xfe"])
def test_an_unreadable_error_becomes_a_proper_one(kind, dialect, body):
    told = json.loads(_open(kind, dialect, max_tokens=1).error(502, body).body)
    assert told["error"]["message"]


@pytest.mark.parametrize(("kind", "dialect"), [(Kind.CHAT, "anthropic"), (Kind.MESSAGES, "openai")])
@pytest.mark.parametrize("depth", [100, 480, 900, 985, 995, 5000])
def test_deep_nesting_is_refused_or_sent_but_never_a_crash(kind, dialect, depth):
    schema = '{"a":' * depth + "1" + "}" * depth
    tool = f'{{"name":"f","strict":true,"input_schema":{schema}}}'
    if kind is Kind.CHAT:
        tool = f'{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}'
    raw = f'{{"model":"svc","max_tokens":1,"messages":[{json.dumps(USER)}],"tools":[{tool}]}}'.encode()
    try:
        body = JsonObject.parse(raw)
        exchange = open_exchange(kind, body, read_request(kind, body), BARE, dialect)
    except MalformedBodyError:
        assert depth > 100
    else:
        assert b"".join(exchange.request_parts()).count(b'"a":') == depth


@pytest.mark.parametrize("depth", [100, *range(970, 1000, 3), 5000])
def test_a_deeply_nested_answer_is_read_or_not_whole_but_never_a_crash(depth):
    nested = '{"a":' * depth + "1" + "}" * depth
    told = b'{"type":"message","content":[{"type":"tool_use","id":"a","name":"f","input":' + nested.encode() + b"}]}"
    whole = [_open(Kind.CHAT, "anthropic").answer(told)]
    for arguments in (json.dumps(nested), nested):
        call = f'{{"id":"a","type":"function","function":{{"name":"f","arguments":{arguments}}}}}'
        reply = f'{{"choices":[{{"index":0,"message":{{"tool_calls":[{call}]}},"finish_reason":"tool_calls"}}]}}'
        whole.append(_open(Kind.MESSAGES, "openai", max_tokens=1).answer(reply.encode()))
    assert all(answer.body for answer in whole)
    if depth in (100, 5000):
        assert [answer.is_whole for answer in whole] == [depth == 100, depth == 100, depth == 100]
