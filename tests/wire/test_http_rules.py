"""Header rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.wire.http_rules import (
    HOP_BY_HOP,
    client_answer_headers,
    is_header_name,
    is_header_value,
    retry_after_seconds,
    upstream_request_headers,
)

NOW = datetime(2026, 9, 15, 12, 0, 0, tzinfo=UTC)


@given(st.binary(max_size=20))
def test_no_value_can_start_another_header(value):
    controls = set(range(32)) - {9} | {127}
    assert is_header_value(value) == (not controls & set(value))


@pytest.mark.parametrize(
    ("name", "is_good"),
    [(b"x-a", True), (b"", False), (b"a b", False), (b"a:", False), (b"a\r\nb", False), (b"\xe9", False)],
)
def test_names_are_tokens(name, is_good):
    assert is_header_name(name) is is_good


TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "name",
    [
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"cookie",
        b"proxy-authorization",
        b"host",
        b"content-length",
        b"accept-encoding",
        b"x-tidegate-unit",
        b"openai-organization",
        b"openai-project",
        b"idempotency-key",
        b"baggage",
        b"user-agent",
        b"forwarded",
        b"x-forwarded-for",
        *sorted(HOP_BY_HOP),
    ],
)
def test_credentials_cookies_framing_and_hops_stay_with_the_client(name, dialect):
    given = {name: b"x", b"traceparent": TRACE}
    assert upstream_request_headers(given, dialect, dialect) == ((b"traceparent", TRACE),)


def test_features_of_a_dialect_travel_where_both_sides_speak_it():
    ours = {b"anthropic-version": b"2023-01-01", b"anthropic-beta": b"a,b"}
    theirs = {b"openai-beta": b"x", b"x-client-request-id": b"7"}
    assert dict(upstream_request_headers(ours | theirs, "anthropic", "anthropic")) == ours
    assert dict(upstream_request_headers(ours | theirs, "openai", "openai")) == theirs
    assert upstream_request_headers(ours | theirs, "openai", "anthropic") == ()
    assert upstream_request_headers(ours | theirs, "anthropic", "openai") == ()


def test_what_is_sent_anyway_needs_no_header_of_the_client():
    assert upstream_request_headers({b"anthropic-version": b"2023-06-01"}, "anthropic", "anthropic") == ()
    assert upstream_request_headers({b"host": b"x"}, "openai", "openai") == ()


def test_a_trace_state_travels_with_a_sound_trace_context_alone():
    both = {b"traceparent": TRACE, b"tracestate": b"a=1"}
    assert dict(upstream_request_headers(both, "openai", "anthropic")) == both
    assert upstream_request_headers(both | {b"traceparent": b"nonsense"}, "openai", "openai") == ()
    assert upstream_request_headers({b"tracestate": b"a=1"}, "openai", "openai") == ()


def test_a_header_named_by_connection_does_not_travel():
    up = {b"connection": b"close, OpenAI-Beta", b"openai-beta": b"x"}
    assert upstream_request_headers(up, "openai", "openai") == ()
    assert client_answer_headers({b"connection": b"X-Request-Id", b"x-request-id": b"x"}) == ()


def test_a_value_that_would_inject_a_header_does_not_travel():
    assert upstream_request_headers({b"openai-beta": b"a\r\nx-api-key: b"}, "openai", "openai") == ()
    assert client_answer_headers({b"x-request-id": b"a\nset-cookie: b"}) == ()


@pytest.mark.parametrize(
    "name",
    [
        b"set-cookie",
        b"content-length",
        b"content-encoding",
        b"authorization",
        b"x-api-key",
        b"x-tidegate-version",
        b"openai-organization",
        b"anthropic-organization-id",
        b"cf-ray",
        b"date",
        *sorted(HOP_BY_HOP),
    ],
)
def test_framing_cookies_accounts_and_our_own_names_do_not_come_back(name):
    assert client_answer_headers({name: b"x"}) == ()


def test_limits_come_back_and_the_request_id_under_another_name():
    headers = {b"x-ratelimit-remaining-tokens": b"5", b"openai-version": b"2020-10-01", b"x-request-id": b"req_9"}
    assert client_answer_headers(headers) == (
        (b"x-ratelimit-remaining-tokens", b"5"),
        (b"openai-version", b"2020-10-01"),
        (b"x-upstream-request-id", b"req_9"),
    )
    anthropics = {b"anthropic-ratelimit-requests-reset": b"2026-09-15T12:00:00Z", b"request-id": b"req_7"}
    assert client_answer_headers(anthropics) == (
        (b"anthropic-ratelimit-requests-reset", b"2026-09-15T12:00:00Z"),
        (b"x-upstream-request-id", b"req_7"),
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after": b" 1.5 "}, 1.5),
        ({b"retry-after": b"-1"}, None),
        ({b"retry-after": b"soon"}, None),
        ({b"retry-after": b"\xff"}, None),
        ({b"retry-after": b"inf"}, None),
        ({b"retry-after": b"9" * 400}, None),
        ({b"retry-after-ms": b"250", b"retry-after": b"9"}, 0.25),
        ({b"retry-after-ms": b"x", b"retry-after": b"9"}, 9.0),
        ({b"retry-after": b"Tue, 15 Sep 2026 12:00:30 GMT"}, 30.0),
        ({b"retry-after": b"Tue, 15 Sep 2026 11:00:00 GMT"}, 0.0),
        ({b"retry-after": b"Tue, 31 Feb 2026 11:00:00 GMT"}, None),
        ({b"retry-after": b"Tue, 15 Xyz 2026 11:00:00 GMT"}, None),
    ],
)
def test_retry_after_in_every_form(headers, seconds):
    assert retry_after_seconds(headers, NOW) == seconds


@given(st.binary(max_size=40))
def test_no_retry_after_of_an_upstream_breaks_us(value):
    wait = retry_after_seconds({b"retry-after": value}, NOW)
    assert wait is None or wait >= 0
