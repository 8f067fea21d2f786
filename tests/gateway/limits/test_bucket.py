"""A minute's worth at once, then evenly; and over any stretch of time never more than that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.gateway.limits.bucket import Bucket


def test_a_minutes_worth_may_come_at_once_and_the_next_waits_its_turn():
    bucket = Bucket(6, 100.0)
    for _ in range(6):
        assert bucket.wait_for(1, 100.0) == 0.0
        bucket.take(1)
    assert bucket.wait_for(1, 100.0) == 10.0
    assert bucket.wait_for(1, 104.0) == 6.0
    assert bucket.wait_for(1, 110.0) == 0.0


def test_more_than_it_holds_needs_it_full_and_overdraws_it():
    bucket = Bucket(10, 0.0)
    assert bucket.wait_for(50, 0.0) == 0.0
    bucket.take(50)
    assert bucket.wait_for(1, 0.0) == 41 * 6.0


def test_what_was_not_used_flows_back_and_never_over_the_brim():
    bucket = Bucket(10, 0.0)
    bucket.take(8)
    bucket.give_back(3)
    assert bucket.wait_for(5, 0.0) == 0.0
    bucket.give_back(100)
    bucket.take(10)
    assert bucket.wait_for(1, 0.0) == 6.0


def test_a_larger_slice_flows_faster_but_pours_nothing_in():
    bucket = Bucket(60, 0.0)
    bucket.lend(10)
    bucket.take(10)
    bucket.lend(60)
    assert bucket.wait_for(1, 0.0) == 1.0
    bucket.lend(6)
    assert bucket.wait_for(6, 60.0) == 0.0
    assert bucket.wait_for(7, 60.0) == 0.0, "more than it holds needs it full"


def test_who_waits_at_a_small_slice_may_come_again_when_slices_have_moved():
    bucket = Bucket(600, 0.0)
    bucket.lend(1)
    bucket.take(1)
    assert bucket.wait_for(1, 0.0) == 3.0, "not in a minute: a slice that is wanted grows"
    bucket = Bucket(2, 0.0)
    bucket.lend(1)
    bucket.take(1)
    assert bucket.wait_for(1, 0.0) == 30.0, "but the whole of the limit fills no sooner"


def test_another_limit_keeps_what_was_used():
    bucket = Bucket(10, 0.0)
    bucket.take(10)
    bucket.change(20)
    assert bucket.wait_for(1, 0.0) == 3.0
    bucket.lend(15)
    bucket.change(5)
    assert bucket.wait_for(1, 0.0) == 12.0
    assert bucket.held == 15


@given(st.integers(1, 50), st.lists(st.floats(0, 90), min_size=1, max_size=200))
def test_no_more_than_a_full_bucket_and_what_flowed_in_is_ever_taken(capacity, pauses):
    bucket, now, taken = Bucket(capacity, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        if not bucket.wait_for(1, now):
            bucket.take(1)
            taken += 1
        assert taken <= capacity + now * capacity / 60 + 1e-6
