"""Which unit a request belongs to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.gateway.gateway_bench import service

from tidegate.gateway.table import CompiledRoute
from tidegate.gateway.units import opening_of, unit_for
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.request import read_request

SYSTEM = {"role": "system", "content": "Be brief."}
FIRST = {"role": "user", "content": "Where is my order?"}
REPLY = {"role": "assistant", "content": "On its way."}
SECOND = {"role": "user", "content": "Thanks"}


def unit(body: dict[str, Any], header: bytes | None = None, kind: Kind = Kind.CHAT, **settings: Any) -> tuple[str, str]:
    parsed = JsonObject.parse(msgspec.json.encode({"model": "bot", **body}))
    route = CompiledRoute(service(**settings), (), None)
    unit = unit_for(route, read_request(kind, parsed), parsed, header, "req_1")
    return unit.kind, unit.id


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        ({}, None, ("request", "req_1")),
        ({"user": "ann"}, None, ("user", "ann")),
        ({"metadata": {"user_id": "bob"}}, None, ("user", "bob")),
        ({"user": "ann", "metadata": {"conversation_id": "c-1"}}, None, ("conversation", "c-1")),
        ({"user": "ann", "metadata": {"conversation_id": "c-1"}}, b"cart-9", ("header", "cart-9")),
    ],
)
def test_header_before_conversation_before_user_before_the_request(body, header, expected):
    assert unit(body, header) == expected


def test_a_previous_response_names_the_conversation():
    assert unit({"previous_response_id": "resp_1"}, kind=Kind.RESPONSES) == ("conversation", "resp_1")


def test_a_service_may_randomise_users_or_requests():
    body = {"user": "ann", "metadata": {"conversation_id": "c-1"}}
    assert unit(body, unit="user") == ("user", "ann")
    assert unit(body, unit="request") == ("request", "req_1")


def test_a_derived_conversation_stays_while_the_conversation_grows_and_ranks_below_the_user():
    def derived(messages, **body):
        return unit({"messages": messages, **body}, derive_conversation=True)

    begun = derived([SYSTEM, FIRST])
    assert begun[0] == "conversation"
    assert derived([SYSTEM, FIRST, REPLY, SECOND]) == begun
    assert derived([SYSTEM, SECOND]) != begun
    assert derived([SYSTEM, FIRST], user="ann") == ("user", "ann")
    assert unit({"messages": [SYSTEM, FIRST]}) == ("request", "req_1")


@pytest.mark.parametrize("messages", ["text", [1, 2], [], [SYSTEM], [{"role": 5}], None])
def test_an_opening_that_is_none_names_nothing(messages):
    assert opening_of(JsonObject.parse(msgspec.json.encode({"messages": messages}))) is None
