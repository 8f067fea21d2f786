"""Summaries: additive to the last bit, and fair to the version."""

from __future__ import annotations

from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.evidence.summary import UNJUDGED, Summary
from tidegate.delivery.observation import FAILURES, Observation, Outcome

OUTCOMES = st.sampled_from([str(outcome) for outcome in Outcome])
NUMBERS = st.integers(-1, 10**9)


def observation(**fields: object) -> Observation:
    blank = {
        field.name: {"str": "", "bool": False}.get(field.type.__name__, 0)
        for field in msgspec.structs.fields(Observation)
    }
    usual = {"variant": "candidate", "served": "candidate", "outcome": "ok", "assigned_outcome": "ok"}
    return Observation(**(blank | usual | fields))


OBSERVATIONS = st.builds(
    observation,
    assigned_outcome=OUTCOMES,
    served=st.sampled_from(["candidate", "stable", "fallback", ""]),
    stream=st.booleans(),
    ttft_us=st.integers(0, 10**8),
    tpot_us=st.integers(0, 10**6),
    duration_us=st.integers(0, 10**9),
    output_tokens=NUMBERS,
    cost_nano_usd=NUMBERS,
)
SUMMARIES = st.lists(OBSERVATIONS.map(Summary.of), max_size=6)


def total(summaries: list[Summary]) -> Summary:
    return reduce(Summary.__add__, summaries, Summary())


@given(SUMMARIES, SUMMARIES, SUMMARIES)
def test_merging_is_associative_and_commutative_and_has_a_zero(a, b, c):
    assert (total(a) + total(b)) + total(c) == total(a) + (total(b) + total(c)) == total(c + b + a)
    assert total(a) + Summary() == total(a)


@given(SUMMARIES)
def test_a_summary_survives_json(summaries):
    assert msgspec.json.decode(msgspec.json.encode(total(summaries)), type=Summary) == total(summaries)


@given(OBSERVATIONS)
def test_one_request_counts_once_and_consistently(row):
    summary = Summary.of(row)
    assert summary.requests == sum(summary.outcomes.values()) == 1
    assert summary.judged == (row.assigned_outcome not in UNJUDGED)
    assert summary.failures == (row.assigned_outcome in FAILURES)
    assert summary.latency.count + summary.failures <= 1
    assert summary.failed_streams <= summary.streams


@pytest.mark.parametrize("outcome", sorted(UNJUDGED))
def test_the_version_is_not_blamed_for_what_others_did(outcome):
    summary = Summary.of(observation(assigned_outcome=outcome, duration_us=5, output_tokens=5))
    assert (summary.requests, summary.judged, summary.failures, summary.latency.count) == (1, 0, 0, 0)


def test_a_rescued_request_is_the_assigned_variants_failure_and_lends_it_no_metrics():
    row = observation(outcome="ok", assigned_outcome="timeout", served="stable", duration_us=9, cost_nano_usd=9)
    summary = Summary.of(row)
    assert (summary.failures, summary.rescued, summary.latency.count, summary.cost.count) == (1, 1, 0, 0)


def test_unknown_is_not_zero():
    summary = Summary.of(observation(output_tokens=-1, cost_nano_usd=-1, duration_us=7))
    assert (summary.output_tokens.count, summary.cost.count, summary.latency.count) == (0, 0, 1)
    assert Summary.of(observation(cost_nano_usd=0)).cost.count == 1


def test_samples_are_units_as_far_as_their_requests_say_anything():
    first, second = Summary.of(observation()), Summary.of(observation(), is_new_unit=False)
    assert (first + second).samples == 1
    assert Summary.of(observation(assigned_outcome="cancelled")).samples == 0
