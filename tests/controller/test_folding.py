from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.observations import observation
from tidegate.controller.folding import Units, fold
from tidegate.delivery.observation import Outcome
from tidegate.delivery.summary import Summary

rows = st.builds(
    observation,
    release=st.sampled_from(["", "rel_1", "rel_2"]),
    step=st.integers(0, 1),
    variant=st.sampled_from(["stable", "candidate"]),
    served=st.sampled_from(["stable", "candidate", "fallback", ""]),
    unit_hash=st.integers(0, 5),
    assigned_outcome=st.sampled_from([*Outcome]).map(str),
    stream=st.booleans(),
    duration_us=st.integers(-1, 10**9),
    ttft_us=st.integers(0, 10**7),
    tpot_us=st.integers(0, 10**6),
    output_tokens=st.integers(-1, 10**5),
    cost_nano_usd=st.integers(-1, 10**12),
)


def one_by_one(observations) -> dict:
    sums, seen = {}, set()
    for row in observations:
        if not row.release:
            continue
        key = (row.release, row.attempt, row.step, row.variant)
        is_new_unit = (key, row.unit_hash) not in seen
        seen.add((key, row.unit_hash))
        sums.setdefault(key, []).append(Summary.of(row, is_new_unit=is_new_unit))
    return {key: reduce(add, parts, Summary()) for key, parts in sums.items()}


@given(st.lists(rows, max_size=40))
def test_folding_at_once_is_adding_one_by_one(observations):
    assert {part.key: part.summary for part in fold(observations, Units())} == one_by_one(observations)


@given(st.lists(rows, max_size=40), st.integers(0, 40))
def test_folding_in_two_batches_adds_up_to_folding_one(observations, cut):
    units = Units()
    total: dict = {}
    for batch in (observations[:cut], observations[cut:]):
        parts = fold(batch, units)
        units.remember(parts)
        for part in parts:
            total[part.key] = total.get(part.key, Summary()) + part.summary
    assert total == one_by_one(observations)


def test_a_unit_is_new_until_its_batch_was_remembered():
    units = Units()
    batch = [observation(release="rel_1", unit_hash=7)]
    assert fold(batch, units)[0].summary.units == 1
    units.remember(fold(batch, units))
    assert fold(batch, units)[0].summary.units == 0
    units.forget("rel_1")
    assert fold(batch, units)[0].summary.units == 1


def test_beyond_its_bound_units_are_counted_too_low_never_too_high():
    units = Units(limit=3)
    for unit_hash in range(10):
        units.remember(fold([observation(release="rel_1", unit_hash=unit_hash)], units))
    assert fold([observation(release="rel_1", unit_hash=99)], units)[0].summary.units == 0
