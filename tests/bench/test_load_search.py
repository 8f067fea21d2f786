"""The search of the soak, over servers whose cost is a formula."""

from __future__ import annotations

import pytest
from bench.load_search import Seen, find_load
from hypothesis import given
from hypothesis import strategies as st


def server(microseconds: float, fixed: float = 0.0, most: float = 1e9):
    """Costs so much CPU a request, a fixed share beside, and holds ``most`` requests a second."""

    def probe(load: float) -> Seen:
        served = min(load, most)
        return Seen(load, min(1.0, fixed + served * microseconds / 1e6), served >= load and load * microseconds < 1e6)

    return probe


@given(st.floats(20, 500), st.floats(0, 0.1), st.floats(0.05, 1.5), st.sampled_from([0.5, 0.8]))
def test_it_finds_the_load_from_far_below_and_from_above(microseconds, fixed, start, share):
    first = start * (share - fixed) * 1e6 / microseconds
    assert find_load(server(microseconds, fixed), first, share).is_close_to(share)


@pytest.mark.parametrize("most", [2_000, 5_000, 9_000])
def test_where_the_load_cannot_be_brought_the_nearest_held_one_is_told(most):
    found = find_load(server(60, most=most), 4_000, 0.8)
    assert found.is_held
    assert 0.7 * most <= found.per_second <= most
    assert not found.is_close_to(0.8)


def test_a_moment_in_which_nothing_was_held_ends_no_search():
    seen = 0

    def probe(load: float) -> Seen:
        nonlocal seen
        seen += 1
        return server(60)(load)._replace(is_held=seen != 2)

    assert find_load(probe, 4_000, 0.8).is_close_to(0.8)


def test_a_server_that_costs_less_per_request_under_load_is_found_too():
    def probe(load: float) -> Seen:
        return Seen(load, load * (50 + 50_000 / (load + 500)) / 1e6)

    assert find_load(probe, 1_000, 0.8).is_close_to(0.8)
