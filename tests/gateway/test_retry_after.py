from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.gateway.retry_after import LONGEST_WAIT_SECONDS, wait_before


@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 5))
def test_jitter_never_comes_earlier_than_asked_nor_much_later(retry, chance, asked):
    wait = wait_before(retry, asked, chance)
    assert (asked or 0.0) <= wait <= (asked or 0.0) + LONGEST_WAIT_SECONDS


def test_full_jitter_spans_from_zero_to_a_doubling_bound():
    assert wait_before(1, None, 0.0) == 0.0
    assert wait_before(2, None, 0.5) == 2 * wait_before(1, None, 0.5) > 0
