"""Tokens and their price, without sockets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.observation import Outcome
from tidegate.delivery.snapshot import Price
from tidegate.gateway.charges import cost_nano_usd, tokens_of
from tidegate.wire.kinds import Kind
from tidegate.wire.usage import Usage

PRICE = Price(input=1_000_000, output=4_000_000, cached=250_000)


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        (Usage(1000, 100, 0, 0), 1_000_000 + 400_000),
        (Usage(1000, 100, 400, 0), 600_000 + 100_000 + 400_000),
        (Usage(1000, 100, -1, -1), 1_400_000),
        (Usage(10, 0, 99, 0), 2_500),  # more cached than read: a report nobody can pay
        (Usage(-1, 100, 0, 0), -1),
        (Usage(1000, -1, 0, 0), -1),
    ],
)
def test_cost_is_input_without_cached_cached_and_output(usage, nano_usd):
    assert cost_nano_usd(Kind.CHAT, usage, PRICE) == nano_usd


def test_an_unknown_price_is_unknown_cost_and_never_zero():
    assert cost_nano_usd(Kind.CHAT, Usage(1, 1, 0, 0), None) == -1


def test_embeddings_write_no_tokens():
    assert cost_nano_usd(Kind.EMBEDDINGS, Usage(1000, -1, -1, -1), PRICE) == 1_000_000


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(-1, 10**9))
def test_cost_never_exceeds_that_of_nothing_cached(read, written, cached):
    assert 0 <= cost_nano_usd(Kind.CHAT, Usage(read, written, cached, 0), PRICE) <= read * 1000 + written * 4000


def call(usage=None, *, events=0, served=True, sent=0.001):
    return SimpleNamespace(
        answer=SimpleNamespace(usage=usage, content_events=events),
        served=object() if served else None,
        own_seconds=sent,
        is_sent=sent > 0,
        asked_bytes=400,
    )


def test_the_last_usage_told_counts_whatever_the_outcome():
    usage = Usage(5, 7, 0, 0)
    assert tokens_of(call(usage), Outcome.CANCELLED) == (usage, False)
    assert tokens_of(call(usage), Outcome.OK) == (usage, False)


def test_a_broken_or_cancelled_answer_is_estimated_and_marked():
    for outcome in (Outcome.CANCELLED, Outcome.TRUNCATED, Outcome.TIMEOUT):
        assert tokens_of(call(events=9), outcome) == (Usage(100, 9, -1, -1), True)


def test_a_partial_report_is_completed():
    assert tokens_of(call(Usage(42, -1, 3, -1), events=9), Outcome.CANCELLED) == (Usage(42, 9, 3, -1), True)


def test_a_report_that_came_before_the_content_is_completed():
    begun = Usage(42, 1, 3, -1)  # as a message of Anthropic's begins
    assert tokens_of(call(begun, events=9), Outcome.CANCELLED) == (Usage(42, 9, 3, -1), True)
    assert tokens_of(call(begun, events=9), Outcome.TRUNCATED) == (Usage(42, 9, 3, -1), True)
    assert tokens_of(call(begun, events=9), Outcome.OK) == (begun, False)


def test_what_never_reached_an_upstream_or_was_never_answered_is_not_estimated():
    assert tokens_of(call(sent=0.0), Outcome.CANCELLED) == (Usage(), False)
    assert tokens_of(call(served=False), Outcome.TIMEOUT) == (Usage(), False)
    assert tokens_of(call(), Outcome.OK) == (Usage(), False)
