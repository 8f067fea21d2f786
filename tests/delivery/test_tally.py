from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.observations import observation

from tidegate.delivery.tally import FINEST_SECONDS, Tally, coarser, edges_of, tally, total_of

START_US = 1_789_473_600_000_000
ROWS = st.builds(
    observation,
    started_at_us=st.integers(START_US, START_US + 40_000_000),
    service=st.sampled_from(["bot", "shop"]),
    variant=st.sampled_from(["stable", "candidate"]),
    served=st.sampled_from(["stable", "candidate", ""]),
    outcome=st.sampled_from(["ok", "timeout", "caller_error"]),
    assigned_outcome=st.sampled_from(["ok", "timeout"]),
    ttft_us=st.integers(0, 10**7),
    duration_us=st.integers(0, 10**8),
    cost_nano_usd=st.integers(-1, 10**6),
    input_tokens=st.integers(-1, 10**4),
)


def added(*parts):
    total = {}
    for part in parts:
        for key, more in part.items():
            total[key] = total.get(key, Tally()) + more
    return total


@given(st.lists(ROWS, max_size=30), st.integers(0, 30))
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole(rows, cut):
    assert added(tally(rows[:cut]), tally(rows[cut:])) == tally(rows)


@given(st.lists(ROWS, min_size=1, max_size=30))
def test_the_sum_of_many_is_what_adding_them_one_by_one_gives(rows):
    found = tally(rows).values()
    assert total_of(found) == sum(found, Tally())


@given(st.integers(2, 10**9))
def test_a_value_lies_between_the_edges_of_its_bucket(value):
    (found,) = tally([observation(output_tokens=value)]).values()
    ((index, _),) = found.lengths.items()
    lower, upper = edges_of(index)
    assert lower * (1 - 1e-9) < value <= upper * (1 + 1e-9)


@given(st.lists(ROWS, max_size=30))
def test_every_request_is_in_one_stretch_and_moving_to_longer_ones_loses_none(rows):
    found = tally(rows)
    assert sum(each.requests for each in found.values()) == len(rows)
    for key in found:
        longer = coarser(key, 60)
        assert longer.start <= key.start < longer.start + 60
        assert longer.start % 60 == key.start % FINEST_SECONDS == 0


def test_what_failed_for_its_user_and_what_the_version_failed_are_two_things():
    (found,) = tally([observation(outcome="ok", assigned_outcome="timeout", served="fallback")]).values()
    assert (found.failures, found.assigned_failures, found.rescued) == (0, 1, 1)
    assert (found.error_rate, Tally().error_rate) == (0.0, None)


def test_quantiles_are_known_to_within_nine_percent():
    rows = [observation(stream=True, ttft_us=1000 * n, duration_us=2000 * n) for n in range(1, 1001)]
    (found,) = tally(rows).values()
    for q in (0.05, 0.5, 0.95, 1.0):
        assert 0.91 < found.ttft_seconds(q) / q < 1.09
        assert 0.91 < found.latency_seconds(q) / (2 * q) < 1.09
    assert Tally().ttft_seconds(0.5) is None


def test_cost_reckons_unpriced_requests_at_the_mean_and_is_unknown_when_no_price_is():
    (found,) = tally([observation(cost_nano_usd=10**9), observation(cost_nano_usd=-1)]).values()
    assert found.cost_usd == 2.0
    (unknown,) = tally([observation(cost_nano_usd=-1)]).values()
    assert unknown.cost_usd is None
