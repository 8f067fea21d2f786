"""Histories that no conversation is like, and large ones: nobody else waits for them, and nothing of them is copied."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.wire.reasoning.histories import (
    ABROAD,
    ASKED,
    OURS,
    USER,
    assistant,
    fields_for,
    item,
    ours,
    said,
    spoken,
    theirs,
    thinking,
)

from tidegate.wire.exchange import open_exchange
from tidegate.wire.insertion import Insertion, Message
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.destination import Destination, destination
from tidegate.wire.reasoning.returning import MOST_COPIED, returned
from tidegate.wire.reasoning.spans import MOST_ITEMS
from tidegate.wire.request import read_request

# ---- what no conversation is like

TOO_MANY = MOST_ITEMS + 1
OWN = thinking(ours("A"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.MESSAGES, {"messages": [assistant(OWN)] * TOO_MANY}),
        (Kind.MESSAGES, {"messages": [assistant(*[OWN] * TOO_MANY)]}),
        (Kind.MESSAGES, {"messages": [assistant(OWN, said("x" * (4 << 20)))]}),
        (Kind.CHAT, {"messages": [spoken(*[OWN] * TOO_MANY)]}),
        (Kind.CHAT, {"messages": [spoken(reasoning="x", **{f"m{n}": n for n in range(1001)})]}),
        (Kind.RESPONSES, {"input": [item(ours("A"))] * TOO_MANY}),
    ],
    ids=["messages", "blocks", "bytes", "details", "members", "items"],
)
def test_what_would_hold_up_the_others_passes_as_it_came(kind, body):
    parsed = JsonObject.parse(json.dumps(body).encode())
    assert returned(kind, parsed, ABROAD) is parsed


# ---- large bodies

PADDING = "x" * (MOST_COPIED + 1)
VERSIONS = [
    Insertion(model="m"),
    Insertion(model="m", system="Be brief."),
    Insertion(model="m", system="Be brief.", system_policy="replace"),
    Insertion(model="m", system="Be brief.", system_policy="keep"),
    Insertion(model="m", few_shot=(Message(role="user", content="1"), Message(role="assistant", content="2"))),
]


def rendered(kind: Kind, body: JsonObject, version: Insertion, dialect: Any) -> list[bytes | memoryview]:
    return open_exchange(kind, body, read_request(kind, body), version, dialect).request_parts()


@pytest.mark.parametrize("version", VERSIONS, ids=["plain", "prompt", "replace", "keep", "examples"])
@pytest.mark.parametrize("kind", [Kind.CHAT, Kind.MESSAGES, Kind.RESPONSES])
def test_a_large_history_is_changed_in_place_whatever_the_version_puts_in(kind, version):
    padding = {"role": "user", "content": PADDING}
    field, history = {
        Kind.CHAT: ("messages", [USER, spoken({"signature": ours("A")}), spoken(reasoning="I")]),
        Kind.MESSAGES: ("messages", [USER, assistant(thinking(ours("A")), said()), assistant(thinking(theirs("B")))]),
        Kind.RESPONSES: ("input", [ASKED, item(ours("A")), item(theirs("B")), ASKED]),
    }[kind]
    large = {"model": "bot", field: [padding, *history, padding], "max_tokens": 5}
    small = {"model": "bot", field: history, "max_tokens": 5}
    to = destination(kind, version, OURS, is_home=False)
    dialect = kind.dialect
    parts = rendered(kind, returned(kind, JsonObject.parse(json.dumps(large).encode()), to), version, dialect)
    sent = json.loads(b"".join(parts))
    expected = json.loads(
        b"".join(
            rendered(
                kind,
                JsonObject.parse(
                    json.dumps({**large, field: [padding, *fields_for(kind, to, small)[field], padding]}).encode()
                ),
                version,
                dialect,
            )
        )
    )
    assert sent == expected
    if not to.rebuilds:
        assert max(len(part) for part in parts if isinstance(part, bytes)) < 1 << 16, "only views are large"


def test_a_large_history_without_anything_to_change_is_the_clients_own():
    body = JsonObject.parse(json.dumps({"messages": [{"role": "user", "content": PADDING + ours("x")}]}).encode())
    assert returned(Kind.MESSAGES, body, Destination(OURS, is_home=False, rebuilds=False)) is body
