import math

import pytest

from tidegate.delivery.evidence.comparisons import _relative
from tidegate.delivery.evidence.showing import show_change, show_interval
from tidegate.stats.asymptotic import Effect


@pytest.mark.parametrize(
    ("effect", "is_rate", "said"),
    [
        (Effect(0.1, -0.02, 0.25), False, "between -2 % and +25 %"),
        (Effect(0.01, -0.005, 0.02), True, "between -0.5 points and +2 points"),
        (Effect(0.1, -0.02, math.inf), False, "at least -2 %, without an upper bound yet"),
        (Effect(0.1, -1.0, 0.25), False, "at most +25 %, without a lower bound yet"),
        (Effect(0.1, -1.0, math.inf), False, "unbounded yet"),
        (Effect(math.nan, -math.inf, math.inf), False, "unbounded yet"),
        (Effect(0.1, -1.0, 1.0), True, "between -100 points and +100 points"),
    ],
)
def test_an_interval_says_which_of_its_bounds_are_there(effect, is_rate, said):
    assert show_interval(effect, is_rate) == said


def test_what_is_no_number_is_beyond_measure():
    assert show_change(math.inf, is_rate=False) == "beyond measure"


def test_a_ratio_that_nothing_bounds_yet_has_no_bound_rather_than_a_huge_one():
    assert _relative(Effect(0.0, -1.0, 55.0)).upper == math.inf
    assert _relative(Effect(0.0, -1.0, math.log(2))).upper == pytest.approx(1)
