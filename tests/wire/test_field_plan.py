"""A request is rendered the same whether its names were seen before or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.exchange import open_exchange
from tidegate.wire.insertion import Insertion
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.prepared import prepare
from tidegate.wire.request import read_request

MESSAGES = [{"role": "user", "content": "Hi"}]


def insertion() -> Insertion:
    return Insertion(model="vendor-1", system="Be kind.", generation={"temperature": 0.2, "max_tokens": 9})


def render(kind: Kind, made: Insertion, body: dict[str, Any]) -> bytes:
    parsed = JsonObject.parse(json.dumps(body).encode())
    return b"".join(open_exchange(kind, parsed, read_request(kind, parsed), made, kind.dialect).request_parts())


FIELDS = st.fixed_dictionaries(
    {"model": st.just("bot"), "messages": st.just(MESSAGES)},
    optional={
        "temperature": st.sampled_from([None, 0, 0.7]),
        "max_tokens": st.sampled_from([None, 5]),
        "top_p": st.sampled_from([None, 0.5]),
        "stream": st.booleans(),
        "stream_options": st.sampled_from([None, {"include_usage": False}]),
        "system": st.sampled_from([None, "Own."]),
        "thinking": st.sampled_from([None, {"type": "disabled"}, {"type": "enabled", "budget_tokens": 5}]),
        "tidegate": st.just({}),
        "x_unknown": st.integers(),
    },
)


@given(st.lists(FIELDS, min_size=2, max_size=5), st.sampled_from([Kind.CHAT, Kind.MESSAGES]), st.randoms())
def test_values_seen_before_leave_no_trace(bodies, kind, random):
    known = insertion()
    for body in bodies:
        names = list(body)
        random.shuffle(names)
        for again in (body, {name: body[name] for name in names}, body):
            assert render(kind, known, again) == render(kind, insertion(), again)


def test_a_null_where_the_version_has_a_default_is_no_choice_of_the_client():
    known = insertion()
    for value, expected in ((0.7, 0.7), (None, 0.2), (0.1, 0.1)):
        body = {"model": "bot", "messages": MESSAGES, "temperature": value}
        assert json.loads(render(Kind.CHAT, known, body))["temperature"] == expected


@pytest.mark.parametrize("count", [300, 3])
def test_what_clients_send_does_not_fill_memory(count):
    known = insertion()
    for number in range(count):
        render(Kind.CHAT, known, {"model": "bot", "messages": MESSAGES, f"x_{number}": 1})
    render(Kind.CHAT, known, {"model": "bot", "messages": MESSAGES, "x" * 5000: 1})
    plans = prepare(Kind.CHAT, known).plans
    assert len(plans) <= 256
    assert all(len(name) < 1025 for names in plans for name in names)
