"""Limits as they are declared."""

from __future__ import annotations

import msgspec
import pytest

from tidegate.delivery.limits.declared import KeyLimits, LimitsSpec
from tidegate.errors import InvalidInputError


def declared(**values: object) -> KeyLimits:
    return msgspec.convert(values, LimitsSpec).limits("keys.shop.limits")


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
