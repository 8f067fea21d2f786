"""Draws repeat with the seed, have the declared distribution, and faults strike when they are due."""

import statistics

import pytest

from tidegate.simulator.chance import Dice, striking_fault
from tidegate.simulator.faults import Closed, Error
from tidegate.simulator.scenario import Constant, Lognormal, Uniform


def draws(spread, number=4000):
    return [Dice(1, "m", count).draw(spread) for count in range(number)]


def strikes(*faults, requests=range(1, 13), elapsed=0.0, is_stream=True):
    return [
        count
        for count in requests
        if striking_fault(faults, Dice(3, "m", count), count=count, elapsed_seconds=elapsed, is_stream=is_stream)
    ]


def test_a_lognormal_has_its_median_and_sigma():
    values = draws(Lognormal(0.2, 0.5))
    assert statistics.median(values) == pytest.approx(0.2, rel=0.06)
    quartiles = statistics.quantiles(values, n=4)
    assert quartiles[2] / quartiles[0] == pytest.approx(2.718281828 ** (2 * 0.6745 * 0.5), rel=0.08)


def test_a_uniform_stays_within_its_bounds_and_fills_them():
    values = draws(Uniform(2, 4))
    assert 2 <= min(values) < 2.05
    assert 3.95 < max(values) <= 4


def test_constants_and_bare_numbers_are_themselves():
    assert draws(Constant(3.5), 2) == draws(3.5, 2) == [3.5, 3.5]


def test_draws_depend_on_seed_model_and_number_only():
    one = [Dice(1, "m", 5).draw(Uniform(0, 1)) for _ in range(2)]
    others = {Dice(*key).draw(Uniform(0, 1)) for key in ((2, "m", 5), (1, "n", 5), (1, "m", 6))}
    assert one[0] == one[1]
    assert len(others | {one[0]}) == 4


def test_faults_strike_in_their_window():
    assert strikes(Closed(first=2)) == [1, 2]
    assert strikes(Closed(every=5)) == [5, 10]
    assert strikes(Closed(after_requests=9)) == [10, 11, 12]
    assert strikes(Closed(after_requests=4, first=2)) == [5, 6]
    assert strikes(Closed(after_requests=4, every=3)) == [7, 10]


def test_faults_strike_in_their_time():
    fault = Closed(after_seconds=10, until_seconds=20)
    assert [bool(strikes(fault, requests=[1], elapsed=at)) for at in (9.9, 10, 19.9, 20)] == [False, True, True, False]


def test_faults_for_streams_spare_the_rest():
    assert strikes(Closed(is_streamed_only=True), is_stream=False) == []
    assert strikes(Closed(is_streamed_only=True), requests=[1]) == [1]


def test_a_probability_is_met_over_many_requests():
    struck = strikes(Error(probability=0.4), requests=range(1, 3001))
    assert len(struck) / 3000 == pytest.approx(0.4, abs=0.04)


def test_the_first_fault_that_is_due_strikes_alone():
    first, second = Closed(every=2), Error()
    chosen = [
        striking_fault((first, second), Dice(0, "m", count), count=count, elapsed_seconds=0, is_stream=True)
        for count in (1, 2)
    ]
    assert chosen == [second, first]
