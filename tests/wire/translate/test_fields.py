"""The tables of what becomes of every field."""

import json
import typing

import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.translate.fields import (
    CHAT_TO_MESSAGES,
    LONGEST_IDLE,
    MESSAGES_TO_CHAT,
    Treatment,
    check_fields,
    decode_fields,
)

TABLES = {"chat": CHAT_TO_MESSAGES, "messages": MESSAGES_TO_CHAT}


def _check(table, **fields):
    return check_fields(JsonObject.parse(json.dumps(fields).encode()).fields, table, "the upstream")


@pytest.mark.parametrize(
    ("params", "table"), [(CompletionCreateParamsBase, CHAT_TO_MESSAGES), (MessageCreateParamsBase, MESSAGES_TO_CHAT)]
)
def test_every_field_of_the_sdk_has_a_rule(params, table):
    assert set(typing.get_type_hints(params)) <= table.keys()


@pytest.mark.parametrize(("name", "table"), TABLES.items())
def test_every_rule_gives_its_reason(name, table):
    assert all(rule.note for rule in table.values())
    assert all(len(json.dumps(idle)) <= LONGEST_IDLE for rule in table.values() for idle in rule.idle)


@pytest.mark.parametrize(
    "name", sorted(name for name, rule in CHAT_TO_MESSAGES.items() if rule.treatment is Treatment.REFUSED)
)
def test_every_refused_chat_field_names_itself_and_its_remedy(name):
    with pytest.raises(MalformedBodyError, match=f"`{name}` has no counterpart at the upstream: ") as raised:
        _check(CHAT_TO_MESSAGES, **{name: {"some": "demand", "long": "x" * 100}})
    assert raised.value.where == name


@pytest.mark.parametrize(("name", "table"), TABLES.items())
def test_every_dropped_field_is_reported(name, table):
    dropped = {field for field, rule in table.items() if rule.treatment is Treatment.DROPPED}
    assert set(_check(table, **dict.fromkeys(table.keys() & dropped, "x"))) == dropped


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 1),
        ("logprobs", False),
        ("top_logprobs", 0),
        ("logit_bias", {}),
        ("modalities", ["text"]),
        ("functions", []),
        ("function_call", "auto"),
        ("audio", None),
        ("guided_json", None),
    ],
)
def test_a_value_that_asks_for_nothing_is_harmless(field, value):
    assert _check(CHAT_TO_MESSAGES, **{field: value}) == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("n", True),
        ("logprobs", True),
        ("logprobs", 0),
        ("top_logprobs", 3),
        ("logit_bias", {"50256": -100}),
        ("modalities", ["text", "audio"]),
        ("web_search_options", {}),
    ],
)
def test_a_value_that_asks_for_something_is_refused(field, value):
    with pytest.raises(MalformedBodyError):
        _check(CHAT_TO_MESSAGES, **{field: value})


@pytest.mark.parametrize(("name", "table"), TABLES.items())
def test_an_unknown_field_is_refused_rather_than_forgotten(name, table):
    with pytest.raises(MalformedBodyError, match="`guided_json` has no counterpart"):
        _check(table, guided_json={"type": "object"})


def test_our_own_field_is_not_the_upstreams_business():
    assert _check(CHAT_TO_MESSAGES, tidegate={"variables": {}}) == ()
    assert decode_fields(JsonObject.parse(b'{"a":1,"tidegate":{"variables":{}}}').fields) == {"a": 1}


def test_a_number_out_of_range_is_refused_by_its_field():
    with pytest.raises(MalformedBodyError) as raised:
        decode_fields(JsonObject.parse(b'{"messages":[1e999]}').fields)
    assert raised.value.where == "messages"
