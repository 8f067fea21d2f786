"""Slices of rates and places: where they are wanted, and never lent twice."""

from __future__ import annotations

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyUse, Rates
from tidegate.delivery.limits.slices import Slices

LIMITS = KeyLimits(requests_per_minute=60, tokens_per_minute=1000, concurrent=4)


class Process:
    """Takes what it is lent, unless an answer is lost."""

    def __init__(self, slices: Slices, boot: str) -> None:
        self.slices, self.boot = slices, boot
        self.held = Rates()

    def beat(self, *, strangers: int = 0, is_lost: bool = False, in_flight: int = 0, limits=LIMITS, **wanted) -> Rates:
        use = KeyUse(key="shop", wanted=Rates(**wanted), held=self.held, in_flight=in_flight)
        self.slices.hear(self.boot, use)
        lent = self.slices.lend(self.boot, limits, strangers)
        self.held = self.held if is_lost else lent
        return lent


def both() -> tuple[Process, Process]:
    slices = Slices()
    return Process(slices, "a"), Process(slices, "b")


def test_one_process_has_the_whole_of_every_limit():
    a, _ = both()
    assert a.beat(requests=10) == Rates(60, 1000, 4)
    assert a.beat(requests=10, limits=KeyLimits(concurrent=7)) == Rates(0, 0, 7)


def test_a_slice_grows_only_when_the_other_process_has_told_that_it_holds_less():
    a, b = both()
    assert a.beat(requests=500).requests == 60
    assert b.beat(requests=500).requests == 1, "the other holds all of it; one place is always there"
    assert a.beat(requests=500).requests == 30
    assert b.beat(requests=500).requests == 1, "the answer may not have reached it"
    a.beat(requests=500)
    assert b.beat(requests=500).requests == 30


def test_an_answer_that_is_lost_is_reckoned_with_both_ways():
    a, b = both()
    a.beat(requests=500)
    a.beat(requests=0, is_lost=True)
    assert b.beat(requests=500).requests == 1
    assert a.beat(requests=0).requests == 1
    a.beat(requests=0)
    assert b.beat(requests=500).requests == 59
    b.beat(requests=0, is_lost=True)
    a.beat(requests=500)
    assert b.held.requests + a.held.requests <= 60


def test_places_of_requests_that_have_not_ended_are_lent_to_nobody():
    a, b = both()
    a.beat(concurrent=9, in_flight=4)
    a.beat(concurrent=9, in_flight=4)
    b.beat(concurrent=9)
    a.beat(concurrent=9, in_flight=4)
    assert (a.held.concurrent, b.beat(concurrent=9).concurrent) == (2, 1)
    a.beat(concurrent=9, in_flight=3)
    assert b.beat(concurrent=9).concurrent == 1
    a.beat(concurrent=9, in_flight=2)
    assert b.beat(concurrent=9).concurrent == 2


def test_while_somebody_may_hold_what_he_did_not_tell_each_keeps_what_it_holds():
    a, _ = both()
    assert a.beat(strangers=1, requests=500).requests == 30, "nobody told it before: one of two parts"
    a.held = Rates(20, 400, 1)
    assert a.beat(strangers=1, requests=500) == Rates(20, 400, 1)
    lowered = KeyLimits(requests_per_minute=10, tokens_per_minute=1000, concurrent=4)
    assert a.beat(strangers=1, limits=lowered) == Rates(10, 400, 1)
    a.held = Rates(20, 400, 1)
    assert a.beat(requests=500) == Rates(60, 1000, 4)


def test_who_is_gone_leaves_its_slice_to_the_others():
    a, b = both()
    for _ in range(4):
        a.beat(requests=500)
        b.beat(requests=500)
    assert a.held.requests == 30
    a.slices.forget_all_but({"a"})
    assert a.beat(requests=500).requests == 60


def test_a_lowered_limit_is_lent_at_once_and_a_raised_one_too():
    a, _ = both()
    a.beat(requests=500)
    assert a.beat(requests=500, limits=KeyLimits(requests_per_minute=6)).requests == 6
    assert a.beat(requests=500, limits=KeyLimits(requests_per_minute=600)).requests == 600
