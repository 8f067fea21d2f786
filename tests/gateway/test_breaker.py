from __future__ import annotations

import pytest

from tidegate.gateway.breaker import Breaker


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(threshold=3, first_back_off=1.0, longest_back_off=3.0)


def block(breaker: Breaker, now: float = 0.0) -> None:
    for _ in range(3):
        breaker.failed(now)


def test_it_admits_until_so_many_failures_come_in_a_row(breaker):
    for _ in range(5):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.succeeded()
    assert breaker.state(0.0) == "admitting"
    block(breaker)
    assert breaker.state(0.0) == "blocking"
    assert not breaker.admits(0.9)


def test_after_the_back_off_one_probe_at_a_time_goes_through(breaker):
    block(breaker)
    assert breaker.state(1.0) == "probing"
    assert breaker.admits(1.0)
    assert breaker.enter(1.0)
    assert not breaker.admits(1.0)
    breaker.succeeded()
    assert breaker.state(1.0) == "admitting"
    assert not breaker.enter(1.0)


def test_each_failed_probe_doubles_the_back_off_up_to_its_bound(breaker):
    block(breaker)
    now = 1.0
    for back_off in (2.0, 3.0, 3.0):
        is_probe = breaker.enter(now)
        assert is_probe
        breaker.failed(now, is_probe=is_probe)
        assert breaker.state(now + back_off - 0.01) == "blocking"
        now += back_off
        assert breaker.state(now) == "probing"


def test_success_starts_again_with_the_first_back_off(breaker):
    block(breaker)
    breaker.failed(1.0, is_probe=breaker.enter(1.0))
    breaker.enter(3.0)
    breaker.succeeded()
    block(breaker, now=10.0)
    assert breaker.state(11.0) == "probing"


def test_late_failures_of_requests_under_way_do_not_prolong_the_block(breaker):
    block(breaker)
    for _ in range(10):
        breaker.failed(0.9)
    assert breaker.state(1.0) == "probing"


def test_a_probe_that_tells_nothing_makes_room_for_the_next(breaker):
    block(breaker)
    is_probe = breaker.enter(1.0)
    breaker.left(is_probe=is_probe)
    assert breaker.admits(1.0)


def test_a_request_forced_through_a_block_is_no_probe_but_its_success_counts(breaker):
    block(breaker)
    assert not breaker.enter(0.1)
    breaker.succeeded()
    assert breaker.state(0.1) == "admitting"
