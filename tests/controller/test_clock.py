from datetime import UTC, datetime, timedelta

import pytest

from tidegate.controller.clock import JumpDetector, ManualClock, SystemClock

START = datetime(2026, 9, 15, 12, tzinfo=UTC)


def test_time_passing_is_no_jump():
    clock = ManualClock(START)
    detector = JumpDetector(clock)
    clock.advance(timedelta(days=7))
    assert detector.jump() == timedelta()


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_wall_clock_that_is_set_is_a_jump_reported_once(by):
    clock = ManualClock(START)
    detector = JumpDetector(clock)
    clock.advance(timedelta(seconds=5))
    clock.jump(by)
    assert detector.jump() == by
    assert detector.jump() == timedelta()


def test_slewing_is_tolerated():
    clock = ManualClock(START)
    detector = JumpDetector(clock)
    clock.jump(timedelta(milliseconds=300))
    assert detector.jump() == timedelta()


def test_the_system_clock_is_aware_and_never_goes_back():
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.now().utcoffset() == timedelta()
    assert clock.monotonic() >= first
