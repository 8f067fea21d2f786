"""What a request becomes in somebody's trace."""

from __future__ import annotations

import pytest
from tests.fakes.observations import observation

from tidegate.controller.opentelemetry import names
from tidegate.controller.opentelemetry.spans import Interest, is_interesting, spans_of, spans_of_copy
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.trace import COPY, span_of, trace_of

NOTHING = Interest(rate=0.0, slow_us=10_000_000)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7"


def test_a_request_is_a_server_span_with_its_attempt_below():
    row = observation(stream=True, ttft_us=100_000, trace=f"{CALLER}-01")
    request, attempt = spans_of(row)
    assert (request.name, request.kind, request.trace_id, request.parent_id) == (
        "chat bot",
        "server",
        TRACE,
        "00f067aa0ba902b7",
    )
    assert (attempt.kind, attempt.trace_id, attempt.parent_id) == ("client", TRACE, request.span_id)
    assert attempt.span_id == span_of(row.request_id, 1), "the id that the gateway told the upstream"
    assert request.started_ns == row.started_at_us * 1000
    assert request.ended_ns - request.started_ns == row.duration_us * 1000
    assert attempt.started_ns - request.started_ns == row.own_us * 1000
    assert request.events == ((names.FIRST_TOKEN_EVENT, request.started_ns + 100_000_000),)
    assert request.attributes[names.INPUT_TOKENS] == 12
    assert attempt.attributes[names.RESPONSE_MODEL] == "m-1"
    assert request.error == attempt.error == ""


def test_without_a_caller_s_trace_the_request_begins_its_own():
    (request, *_) = spans_of(observation())
    assert (request.trace_id, request.parent_id) == (trace_of("req_1"), "")


def test_failed_attempts_follow_each_other_and_the_last_one_answers():
    trail = (("openai/big", "timeout", 90_000), ("openai/big", "rate_limited", 120_000))
    row = observation(
        trail=trail, attempts=3, served="fallback", served_version="claude/small", assigned_outcome="timeout"
    )
    _, first, second, last = spans_of(row)
    assert [first.error, second.error, last.error] == ["timeout", "rate_limited", ""]
    assert first.ended_ns == second.started_ns
    assert second.ended_ns == last.started_ns
    assert (last.attributes[names.PROVIDER], last.attributes[names.REQUEST_MODEL]) == ("claude", "small")
    assert len({span.span_id for span in (first, second, last)}) == 3


def test_a_request_that_nobody_answered_has_failed_attempts_only():
    row = observation(
        trail=(("openai/big", "upstream_error", 50_000),), served="", outcome="upstream_error", status=502
    )
    request, only = spans_of(row)
    assert (request.error, only.error) == ("upstream_error", "upstream_error")


def test_what_nobody_told_is_left_out():
    row = observation(output_tokens=-1, cost_nano_usd=-1, finish_reason="", model="")
    request, _ = spans_of(row)
    assert {names.OUTPUT_TOKENS, names.COST, names.FINISH_REASONS, names.RELEASE, names.STEP}.isdisjoint(
        request.attributes
    )


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ({}, False),
        ({"outcome": "cancelled"}, False),
        ({"outcome": "upstream_error"}, True),
        ({"assigned_outcome": "timeout"}, True),  # rescued, but the version failed
        ({"duration_us": 10_000_000}, True),
        ({"release": "rel_1", "variant": "candidate"}, True),
        ({"release": "rel_1", "variant": "stable"}, False),
        ({"trace": f"{CALLER}-01"}, True),
        ({"trace": f"{CALLER}-00"}, False),
    ],
)
def test_failures_slow_ones_candidates_and_recorded_traces_are_kept(fields, is_kept):
    assert is_interesting(observation(**fields), NOTHING) is is_kept


def test_the_rate_keeps_its_part_of_the_rest():
    tenth = Interest(rate=0.1, slow_us=10_000_000)
    kept = sum(is_interesting(observation(request_id=f"req_{number}"), tenth) for number in range(5_000))
    assert 400 < kept < 600


def pair(**copy) -> PairRecord:
    users = observation(trace=f"{CALLER}-00")
    told = {"version": "bot/v1.1.0-00000000", "variant": "candidate", "release": "rel_1", "trace": f"{CALLER}-00"}
    return PairRecord(stable=users, candidate=observation(**(told | copy)))


def test_a_mirrored_copy_hangs_below_its_request_which_comes_along():
    request, attempt, copy = spans_of_copy(pair(duration_us=70_000), NOTHING)
    assert (copy.name, copy.kind, copy.trace_id, copy.parent_id) == (
        "mirror bot/v1.1.0-00000000",
        "client",
        TRACE,
        request.span_id,
    )
    assert copy.span_id == span_of("req_1", COPY) != attempt.span_id, (
        "the id that the gateway told the candidate's upstream"
    )
    assert copy.ended_ns - copy.started_ns == 70_000_000
    assert copy.attributes[names.MIRRORED] is True
    assert copy.attributes[names.VARIANT] == "candidate"
    everything = Interest(rate=1.0, slow_us=10_000_000)
    assert spans_of_copy(pair(), everything) == [spans_of_copy(pair(), NOTHING)[-1]]  # the request was sent already


def test_a_copy_that_failed_says_so():
    failed = {"served": "", "served_version": "", "attempts": 1, "outcome": "timeout", "assigned_outcome": "timeout"}
    *_, copy = spans_of_copy(pair(**failed), NOTHING)
    assert copy.error == "timeout"
    assert copy.attributes[names.OUTCOME] == "timeout"
