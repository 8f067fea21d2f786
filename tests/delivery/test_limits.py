"""Limits as they are declared, and how a limit is divided over gateways."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.limits import KeyLimits, LimitsSpec, day_of, month_of, share_out
from tidegate.errors import InvalidInputError


def declared(**values: object) -> KeyLimits:
    return msgspec.convert(values, LimitsSpec).limits("keys.shop.limits")


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


def test_every_limit_can_be_declared_and_is_told_again_as_it_was():
    limits = declared(
        requests_per_minute=60,
        tokens_per_minute=90_000,
        concurrent=8,
        budget=["5 USD/day", "50.5 USD/month"],
        without_control="allow",
    )
    assert limits == KeyLimits(
        requests_per_minute=60,
        tokens_per_minute=90_000,
        concurrent=8,
        budget_per_day=5 * 10**9,
        budget_per_month=505 * 10**8,
        without_control="allow",
    )
    assert limits.spec().limits("again") == limits


def test_one_budget_needs_no_list():
    assert declared(budget="50 USD/month") == KeyLimits(budget_per_month=50 * 10**9)
    assert declared() == KeyLimits()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"requests_per_minute": 0}, "requests_per_minute of 0"),
        ({"tokens_per_minute": -5}, "tokens_per_minute of -5"),
        ({"concurrent": 0}, "concurrent of 0"),
        ({"budget": "50 USD"}, "'50 USD' is not a budget"),
        ({"budget": "50 USD/week"}, "'50 USD/week' is not a budget"),
        ({"budget": "much/day"}, "'much/day' is not a budget"),
        ({"budget": "0 USD/day"}, "'0 USD/day' is no budget"),
        ({"budget": ["1 USD/day", "2 USD/day"]}, "second one of a day"),
    ],
)
def test_a_limit_of_another_form_is_refused_with_its_place(values, told):
    with pytest.raises(InvalidInputError) as error:
        declared(**values)
    assert told in str(error.value)
    assert "keys.shop.limits" in str(error.value)


@pytest.mark.parametrize(
    ("when", "day", "day_end", "month", "month_end"),
    [
        ((2026, 11, 27, 8, 30), "2026-11-27", (2026, 11, 28), "2026-11", (2026, 12, 1)),
        ((2026, 12, 31, 23, 59), "2026-12-31", (2027, 1, 1), "2026-12", (2027, 1, 1)),
        ((2028, 2, 29), "2028-02-29", (2028, 3, 1), "2028-02", (2028, 3, 1)),
    ],
)
def test_periods_are_days_and_months_of_utc(when, day, day_end, month, month_end):
    assert day_of(us(*when)) == (day, us(*day_end))
    assert month_of(us(*when)) == (month, us(*month_end))


def test_what_one_does_not_want_goes_to_who_does():
    assert share_out(60, {"a": 600, "b": 0}) == {"a": 60, "b": 1}
    assert share_out(60, {"a": 600, "b": 10}) == {"a": 50, "b": 10}
    assert share_out(60, {"a": 0, "b": 0}) == {"a": 30, "b": 30}
    assert share_out(60, {"a": 7}) == {"a": 60}


@given(st.integers(1, 10_000), st.dictionaries(st.text(max_size=3), st.integers(0, 20_000), min_size=1, max_size=8))
def test_parts_add_up_to_the_limit_and_are_fair(limit, wanted):
    parts = share_out(limit, wanted)
    assert parts.keys() == wanted.keys()
    assert all(part >= 1 for part in parts.values())
    assert limit <= sum(parts.values()) < limit + len(parts)  # those without any get one place all the same
    short = [name for name in parts if parts[name] < wanted[name]]
    assert all(parts[name] >= parts[other] - 1 for name in short for other in parts)
