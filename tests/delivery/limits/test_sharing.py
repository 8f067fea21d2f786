"""How a limit is divided over gateways."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.limits.sharing import hand_out, share_out

WANTED = st.dictionaries(st.text(max_size=3), st.integers(0, 20_000), min_size=1, max_size=8)


def test_what_one_does_not_want_goes_to_who_does():
    assert share_out(60, {"a": 600, "b": 0}) == {"a": 60, "b": 1}
    assert share_out(60, {"a": 600, "b": 10}) == {"a": 50, "b": 10}
    assert share_out(60, {"a": 0, "b": 0}) == {"a": 30, "b": 30}
    assert share_out(60, {"a": 7}) == {"a": 60}


@given(st.integers(1, 10_000), WANTED)
def test_parts_add_up_to_the_limit_and_are_fair(limit, wanted):
    parts = share_out(limit, wanted)
    assert parts.keys() == wanted.keys()
    assert all(part >= 1 for part in parts.values())
    assert limit <= sum(parts.values()) < limit + len(parts)  # those without any get one place all the same
    short = [name for name in parts if parts[name] < wanted[name]]
    assert all(parts[name] >= parts[other] - 1 for name in short for other in parts)


def test_money_goes_whole_to_the_small_wishes_first():
    assert hand_out(100, {"a": 60, "b": 50}) == {"a": 50, "b": 50}
    assert hand_out(100, {"a": 90, "b": 90, "c": 0}) == {"a": 90, "b": 10, "c": 0}
    assert hand_out(100, {"a": 0, "b": 40}) == {"a": 30, "b": 70}
    assert hand_out(0, {"a": 7}) == {"a": 0}


@given(st.integers(0, 10_000), WANTED)
def test_money_is_handed_out_to_the_last_bit_and_whoever_wants_the_least_gets_it_if_it_is_there(amount, wanted):
    parts = hand_out(amount, wanted)
    assert parts.keys() == wanted.keys()
    assert sum(parts.values()) == amount
    assert all(part >= 0 for part in parts.values())
    least = min(wanted, key=lambda name: (wanted[name], name))
    assert parts[least] >= min(wanted[least], amount)
