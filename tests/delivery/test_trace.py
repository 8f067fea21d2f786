from __future__ import annotations

import pytest

from tidegate.delivery.trace import TraceContext, parse_traceparent, passed_on, span_of, trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_context_is_read_and_written_as_the_recommendation_says():
    context = parse_traceparent(f"00-{TRACE}-{PARENT}-01")
    assert context == TraceContext(TRACE, PARENT, is_sampled=True)
    assert context.header == f"00-{TRACE}-{PARENT}-01"
    assert parse_traceparent(f"00-{TRACE}-{PARENT}-00").is_sampled is False
    assert parse_traceparent(f"00-{TRACE}-{PARENT}-03").header.endswith("-01")  # other flags are not ours to pass on


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"01-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_anything_else_is_no_context(text):
    assert parse_traceparent(text) is None


def test_spans_follow_from_the_request_and_differ_by_attempt():
    names = {span_of("req_1"), span_of("req_1", 1), span_of("req_1", 2), span_of("req_2")}
    assert len(names) == 4
    assert {len(name) for name in names} == {16}
    assert len(trace_of("req_1")) == 32
    assert passed_on(TraceContext(TRACE, PARENT, is_sampled=True), "req_1", 2).parent_id == span_of("req_1", 2)
