"""Pairs add up exactly, whatever the split, and only what says something of versions is judged."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.pairs import counted, pair

from tidegate.delivery.evidence.pair_counts import PairCounts, PairedSums

OUTCOMES = st.sampled_from(["ok", "ok", "timeout", "upstream_error", "refused", "cancelled"])
SIDES = st.fixed_dictionaries(
    {
        "outcome": OUTCOMES,
        "duration_us": st.integers(0, 10**8),
        "cost_nano_usd": st.integers(-1, 10**9),
        "output_tokens": st.integers(-1, 10**5),
        "stream": st.booleans(),
        "ttft_us": st.integers(0, 10**7),
    }
)


def total(pairs) -> PairCounts:
    return sum((PairCounts.of(each) for each in pairs), PairCounts())


@settings(max_examples=60)
@given(st.lists(st.tuples(SIDES, SIDES), max_size=8), st.integers(0, 8))
def test_any_split_over_gateways_counts_the_same(sides, cut):
    pairs = [pair(*each) for each in sides]
    whole = total(pairs)
    assert total(pairs[cut:]) + total(pairs[:cut]) == whole
    assert msgspec.json.decode(msgspec.json.encode(whole), type=PairCounts) == whole


def test_both_sides_are_counted_as_if_each_had_been_a_variants_requests():
    found = total(
        [
            pair({"duration_us": 300, "cost_nano_usd": 30}, {"duration_us": 100, "cost_nano_usd": 10}),
            pair({"outcome": "timeout"}, is_exact=None, similarity=None),
            pair({}, {"outcome": "upstream_error"}, is_exact=None, similarity=None),
        ]
    )
    assert (found.pairs, found.copies, found.compared, found.exact) == (3, 3, 1, 1)
    assert (found.candidate.failures, found.stable.failures) == (1, 1)
    assert found.outcomes == {"ok/ok": 1, "ok/timeout": 1, "upstream_error/ok": 1}
    latency = found.quantities["latency"]
    assert (latency.count, latency.candidate, latency.stable, latency.shift.total) == (1, 300, 100, 500_000)


def test_what_says_nothing_of_the_versions_is_counted_for_its_cost_alone():
    left = pair({"outcome": "cancelled", "cost_nano_usd": 7, "input_tokens": 5, "output_tokens": 2})
    unknown = pair({"outcome": "internal_error", "cost_nano_usd": -1})
    found = total([left, unknown])
    assert (found.pairs, found.copies, found.cost, found.unpriced) == (0, 2, 7, 1)
    assert found.tokens == 7 + 12 + 30
    assert found.quantities == {}


def test_a_rescued_user_tells_no_time_of_stable():
    found = total([pair({}, {"outcome": "ok", "assigned_outcome": "timeout", "served": "fallback"})])
    assert found.outcomes == {"timeout/ok": 1}
    assert found.quantities == {}


def test_the_excess_over_a_factor_is_that_of_the_values_themselves():
    values = [(12, 10), (9, 10), (30, 20)]
    sums = sum((PairedSums.of(*each) for each in values), PairedSums())
    differences = [candidate - 1.1 * stable for candidate, stable in values]
    mean = sum(differences) / 3
    deviation = (sum((value - mean) ** 2 for value in differences) / 2) ** 0.5
    assert sums.excess(1.1) == pytest.approx((mean, deviation))


def test_equal_pairs_can_be_counted_by_doubling():
    assert counted(13) == total([pair()] * 13)
