"""Where the time of a request went, attempt by attempt."""

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.observations import observation

from tidegate.controller.request_views import request_view
from tidegate.dashboard.pages.requests import waterfall

TIMES = st.integers(0, 10**7)


def drawn(**fields):
    return waterfall(request_view(observation(**fields)))


def test_a_streamed_answer_has_three_stretches_without_gaps():
    own, waiting, streaming = drawn(stream=True, own_us=1_000, ttft_us=100_000, duration_us=500_000)
    assert [each.kind for each in (own, waiting, streaming)] == ["own", "waiting", "streaming"]
    assert [each.microseconds for each in (own, waiting, streaming)] == [1_000, 99_000, 400_000]
    assert waiting.start + waiting.length == streaming.start


def test_a_failed_attempt_stands_before_the_answer_with_its_outcome():
    trail = (("openai/big", "timeout", 300_000),)
    _, failed, answer = drawn(
        own_us=1_000, duration_us=500_000, attempts=2, trail=trail, later_attempts_us=(350_000,), served="stable"
    )
    assert (failed.name, failed.kind, failed.outcome, failed.microseconds) == (
        "openai/big",
        "failed",
        "timeout",
        299_000,
    )
    assert (answer.name, answer.began_us, answer.microseconds) == ("Until the answer", 350_000, 150_000)


def test_a_request_that_nobody_answered_ends_with_its_failures():
    kinds = [each.kind for each in drawn(trail=(("a/b", "upstream_error", 50_000),), served="", attempts=1)]
    assert kinds == ["own", "failed"]


@given(
    st.lists(st.tuples(st.just("a/b"), st.just("timeout"), TIMES), max_size=3).map(tuple),
    st.lists(TIMES, max_size=3).map(tuple),
    TIMES,
    TIMES,
    TIMES,
)
def test_every_stretch_lies_within_the_request(trail, begins, own, ttft, duration):
    for each in drawn(
        trail=trail,
        later_attempts_us=begins,
        own_us=own,
        ttft_us=ttft,
        duration_us=duration,
        attempts=len(trail) + 1,
    ):
        assert each.start >= 0
        assert each.length >= 0
        assert each.start + each.length <= 1 + 1e-9
