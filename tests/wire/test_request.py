"""The facts of a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.wire import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.request import RequestFacts, read_request


def facts(kind: Kind = Kind.CHAT, **fields: Any) -> RequestFacts:
    return read_request(kind, JsonObject.parse(json.dumps({"model": "bot", **fields}).encode()))


def test_a_bare_request_has_the_defaults():
    assert facts() == RequestFacts(model="bot")


def test_everything_that_routing_needs_is_read():
    read = facts(
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        user="ann",
        metadata={"conversation_id": "c1", "team": "red"},
        max_completion_tokens=12,
        n=3,
        tidegate={"variables": {"name": "Bo"}},
    )
    assert read == RequestFacts(
        model="bot",
        stream=True,
        wants_usage=True,
        user="ann",
        conversation="c1",
        metadata={"conversation_id": "c1", "team": "red"},
        max_output_tokens=12,
        choices=3,
        variables={"name": "Bo"},
    )


def test_the_user_field_goes_before_the_user_in_metadata():
    assert facts(metadata={"user_id": "m"}).user == "m"
    assert facts(Kind.MESSAGES, metadata={"user_id": 7}).user == "7"
    assert facts(user="u", metadata={"user_id": "m"}).user == "u"
    assert facts(user=None, metadata={"user_id": "m"}).user == "m"


def test_metadata_that_is_no_identifier_names_nobody():
    assert facts(metadata={"user_id": True, "conversation_id": ""}).user is None
    assert facts(metadata={"user_id": ["x"], "conversation_id": ""}).conversation is None
    assert facts(metadata=None).metadata == {}


@pytest.mark.parametrize("named", ["conv_1", {"id": "conv_1"}])
def test_a_response_names_its_conversation(named):
    read = facts(Kind.RESPONSES, conversation=named, previous_response_id="resp_0", max_output_tokens=9)
    assert (read.conversation, read.previous_response_id, read.max_output_tokens) == ("conv_1", "resp_0", 9)


def test_nulls_count_as_absent():
    assert facts(stream=None, stream_options=None, n=None, max_tokens=None, tidegate=None) == RequestFacts(model="bot")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5),
        ("model", ""),
        ("stream", "yes"),
        ("stream_options", [1]),
        ("user", 3),
        ("metadata", "x"),
        ("max_tokens", "many"),
        ("n", 1.5),
        ("tidegate", {"variable": {}}),
        ("tidegate", {"variables": []}),
    ],
)
def test_a_field_of_the_wrong_type_is_named(field, value):
    with pytest.raises(MalformedBodyError) as caught:
        facts(**{field: value})
    assert caught.value.where == field


@pytest.mark.parametrize("kind", [Kind.CHAT, Kind.MESSAGES])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "max_output_tokens", "n"])
def test_a_count_that_no_model_can_give_is_refused_and_the_bound_is_told(kind, field):
    assert facts(kind, **{field: 2**31 - 1}) is not None
    for beyond in (2**31, 2**63, 10**40):
        with pytest.raises(MalformedBodyError, match=f"'{field}'.*2147483647"):
            facts(kind, **{field: beyond})


def test_a_body_without_a_model_is_refused():
    with pytest.raises(MalformedBodyError, match="'model'"):
        read_request(Kind.CHAT, JsonObject.parse(b"{}"))


def test_every_path_has_a_kind_and_every_kind_a_dialect():
    assert {kind.dialect for kind in Kind} == {"openai", "anthropic"}
