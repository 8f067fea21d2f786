"""Distributions: integers that merge exactly, and buckets that keep their promises."""

from __future__ import annotations

import statistics
from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.stats.distribution import Distribution, bucket, lower_edge, upper_edge
from tidegate.stats.verdict import Verdict, worst

VALUES = st.lists(st.integers(0, 10**12), max_size=30)


def of(values: list[int]) -> Distribution:
    return reduce(Distribution.__add__, map(Distribution.of, values), Distribution())


@given(VALUES, VALUES, VALUES)
def test_merging_is_associative_and_commutative_to_the_last_bit(a, b, c):
    assert (of(a) + of(b)) + of(c) == of(a) + (of(b) + of(c)) == of(c) + of(b) + of(a) == of(a + b + c)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=40))
def test_mean_and_deviation_are_those_of_the_values(values):
    assert of(values).mean == pytest.approx(statistics.fmean(values))
    assert of(values).deviation == pytest.approx(statistics.stdev(values), abs=1e-6)


@given(st.integers(2, 10**12))
def test_a_value_lies_in_its_bucket(value):
    index = bucket(value)
    slack = 1 + 1e-9  # exact edges are irrational: the logarithm may round to the neighbour there
    assert lower_edge(index) / slack <= value <= upper_edge(index) * slack
    assert upper_edge(index) / lower_edge(index) == pytest.approx(2 ** (1 / 32))


@given(VALUES, st.integers(1, 10**9))
def test_what_is_counted_above_a_threshold_really_is(values, threshold):
    certain = of(values).above(threshold)
    assert certain <= sum(value > threshold / (1 + 1e-9) for value in values)
    assert certain >= sum(value > threshold * 1.03 for value in values)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_known_to_within_a_bucket(values, q):
    rank = max(1, -(-int(q * 1000) * len(values) // 1000))
    exact = sorted(values)[rank - 1]
    assert exact / 1.0001 <= of(values).quantile(q) <= exact * 1.03


def test_json_keeps_every_integer():
    large = of([300_000_000] * 5)  # squares beyond 64 bits are still integers
    assert msgspec.json.decode(msgspec.json.encode(large + large), type=Distribution) == large + large
    huge = Distribution(1, 1, 2**80, {1: 1})
    assert msgspec.json.decode(msgspec.json.encode(huge), type=Distribution) == huge


def test_the_worst_verdict_wins_and_no_data_is_never_a_pass():
    assert worst([Verdict.PASS, Verdict.NO_DATA]) is Verdict.NO_DATA
    assert worst([Verdict.NO_DATA, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst(Verdict) is Verdict.FAIL
    assert worst([]) is Verdict.PASS
