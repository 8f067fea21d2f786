"""Attempts of a request, rebuilt from what its observation tells."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.observations import observation

from tidegate.delivery.attempts import attempts_of
from tidegate.delivery.observation import perplexity_of

TIMES = st.integers(0, 10**7)


def test_an_ordinary_request_has_one_attempt_from_its_sending_to_its_end():
    ((deployment, outcome, began, ended),) = attempts_of(observation(own_us=40, duration_us=250_000))
    assert (deployment, outcome, began, ended) == ("m-1", "", 40, 250_000)


def test_failed_attempts_and_the_pauses_between_them_are_told_apart():
    row = observation(
        own_us=50,
        duration_us=900_000,
        attempts=3,
        trail=(("openai/big", "timeout", 300_000), ("openai/big", "rate_limited", 420_000)),
        later_attempts_us=(350_000, 500_000),
        served="fallback",
        served_version="claude/small",
    )
    assert attempts_of(row) == [
        ("openai/big", "timeout", 50, 300_000),
        ("openai/big", "rate_limited", 350_000, 420_000),
        ("claude/small", "", 500_000, 900_000),
    ]


@given(
    st.lists(st.tuples(st.just("a/b"), st.just("timeout"), TIMES), max_size=4).map(tuple),
    st.lists(TIMES, max_size=4).map(tuple),
    st.sampled_from(["", "stable", "fallback"]),
)
def test_attempts_never_overlap_whatever_was_told(trail, begins, served):
    found = attempts_of(
        observation(trail=trail, later_attempts_us=begins, served=served, attempts=len(trail) + bool(served))
    )
    assert len(found) == len(trail) + bool(served)
    for before, after in pairwise(found):
        assert before.began_us <= before.ended_us <= after.began_us <= after.ended_us


def test_perplexity_is_of_the_mean_and_unknown_without_probabilities():
    assert perplexity_of(observation()) is None
    assert perplexity_of(observation(surprisal_unats=0, surprisal_tokens=3)) == 1.0
    assert round(perplexity_of(observation(surprisal_unats=2_079_442, surprisal_tokens=3)), 4) == 2.0
    assert perplexity_of(observation(surprisal_unats=10**12, surprisal_tokens=1)) < 1.1e13
