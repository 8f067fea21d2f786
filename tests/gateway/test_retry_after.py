from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.gateway.retry_after import LONGEST_WAIT_SECONDS, asked_wait, wait_before

NOW = datetime(2026, 9, 15, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after": b"0.5"}, 0.5),
        ({b"retry-after-ms": b"250"}, 0.25),
        ({b"retry-after-ms": b"250", b"retry-after": b"1"}, 0.25),
        ({b"retry-after-ms": b"soon", b"retry-after": b"1"}, 1.0),
        ({b"retry-after": format_datetime(NOW + timedelta(seconds=9), usegmt=True).encode()}, 9.0),
        ({b"retry-after": format_datetime(NOW - timedelta(seconds=9), usegmt=True).encode()}, 0.0),
        ({b"retry-after": b"-1"}, None),
        ({b"retry-after": b"nan"}, None),
        ({b"retry-after": b"1e999"}, None),
        ({b"retry-after": b"whenever"}, None),
        ({b"retry-after": b"\xff\xfe"}, None),
        ({b"retry-after": b"99999999999999"}, None),
    ],
)
def test_what_an_upstream_asks_for(headers, seconds):
    assert asked_wait(headers, NOW) == seconds


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 5))
def test_jitter_never_comes_earlier_than_asked_nor_much_later(retry, chance, asked):
    wait = wait_before(retry, asked, chance)
    assert (asked or 0.0) <= wait <= (asked or 0.0) + LONGEST_WAIT_SECONDS


def test_full_jitter_spans_from_zero_to_a_doubling_bound():
    assert wait_before(1, None, 0.0) == 0.0
    assert wait_before(2, None, 0.5) == 2 * wait_before(1, None, 0.5) > 0


@given(st.binary(max_size=40))
def test_no_header_of_an_upstream_breaks_us(value):
    wait = asked_wait({b"retry-after": value}, NOW)
    assert wait is None or wait >= 0
