"""A budget lent in slices: spent and reserved told apart, and never lent twice."""

from __future__ import annotations

from tidegate.delivery.limits.lending import MoneyUse
from tidegate.delivery.limits.purse import Purse

DAY = "2026-11-27"


def told(purse: Purse, boot: str, **use: int) -> None:
    purse.hear(boot, MoneyUse(period=DAY, **use))


def lent(purse: Purse, boot: str, budget: int = 1000, strangers: int = 0) -> tuple[int, int]:
    grant = purse.lend(boot, DAY, budget, strangers)
    assert grant.period == DAY
    return grant.granted, grant.unspent


def test_one_process_is_lent_all_that_is_left():
    purse = Purse({"gone": 100})
    told(purse, "a", spent=200, reserved=50)
    assert lent(purse, "a") == (900, 700)
    assert (purse.spent, purse.reserved) == (300, 50)


def test_what_is_reserved_is_not_spent_and_what_comes_back_is_lent_again():
    purse = Purse({})
    told(purse, "a", reserved=1000)
    assert lent(purse, "a") == (1000, 1000)
    told(purse, "a", spent=10, granted=1000)
    assert lent(purse, "a") == (1000, 990)
    assert purse.spent == 10


def test_a_slice_grows_only_by_what_no_other_process_may_still_spend():
    purse = Purse({})
    told(purse, "a")
    assert lent(purse, "a") == (1000, 1000)
    told(purse, "b", wanted=400)
    assert lent(purse, "b") == (0, 1000)
    told(purse, "a", spent=100, granted=1000)
    assert lent(purse, "a") == (350, 900), "b is owed 400, and half of the other 500"
    told(purse, "b", wanted=400)
    assert lent(purse, "b") == (0, 900), "a may not have heard of it yet"
    told(purse, "a", spent=100, granted=350)
    lent(purse, "a")
    told(purse, "b", wanted=400)
    assert lent(purse, "b") == (650, 900)


def test_what_one_request_may_cost_is_lent_whole_where_even_parts_would_let_nobody_through():
    purse = Purse({"gone": 940})
    for _ in range(3):
        for boot in "abc":
            told(purse, boot, wanted=50)
            lent(purse, boot)
    granted = {}
    for boot in "abc":
        told(purse, boot, wanted=50)
        granted[boot] = lent(purse, boot)[0]
    assert granted == {"a": 50, "b": 10, "c": 0}


def test_of_each_process_whichever_knows_more_counts_itself_or_the_database():
    purse = Purse({"a": 300, "b": 10})
    told(purse, "a", spent=100)
    told(purse, "b", spent=200)
    assert purse.spent == 500
    purse.count({"a": 350, "b": 150})
    assert purse.spent == 550


def test_a_process_that_is_gone_holds_nothing_and_what_it_spent_stays_spent():
    purse = Purse({})
    told(purse, "a", spent=300, reserved=100, granted=900)
    told(purse, "b")
    assert lent(purse, "b") == (100, 700)
    purse.forget_all_but({"b"})
    told(purse, "b", granted=100)
    assert (lent(purse, "b"), purse.reserved) == ((700, 700), 0)


def test_while_somebody_may_hold_what_he_did_not_tell_each_keeps_what_it_holds():
    purse = Purse({})
    told(purse, "a", spent=100, granted=300)
    assert lent(purse, "a", strangers=1) == (300, 900)
    assert lent(purse, "a", budget=250, strangers=1) == (250, 150)
    assert lent(purse, "a") == (1000, 900)


def test_a_lowered_budget_is_taken_back_at_once_and_a_raised_one_is_lent():
    purse = Purse({})
    told(purse, "a", spent=300, reserved=20, granted=1000)
    assert lent(purse, "a", budget=200) == (320, 0)
    assert lent(purse, "a", budget=2000) == (2000, 1700)
