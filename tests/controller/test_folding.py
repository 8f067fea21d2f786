from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.observations import observation

from tidegate.controller.folding import Units, fold
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Outcome

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
        key = (row.release, row.attempt, row.step, row.round, row.variant)
        is_new_unit = (key, row.unit_hash) not in seen
        seen.add((key, row.unit_hash))
        sums.setdefault(key, []).append(Summary.of(row, is_new_unit=is_new_unit))
    return {key: reduce(add, parts, Summary()) for key, parts in sums.items()}


def is_sample(row) -> bool:
    return row.duration_us % 2 == 0


def windows(parts) -> dict:
    return {part.key: part.counted.window for part in parts if part.counted.window.requests}


@given(st.lists(rows, max_size=40))
def test_folding_at_once_is_adding_one_by_one(observations):
    assert windows(fold(observations, Units(), is_sample)) == one_by_one(filter(is_sample, observations))


@given(st.lists(rows, max_size=40))
def test_requests_before_the_window_are_counted_apart(observations):
    for part in fold(observations, Units(), is_sample):
        mine = [row for row in observations if (row.release, row.attempt, row.step, row.round, row.variant) == part.key]
        early = [row for row in mine if not is_sample(row)]
        assert part.counted.early.requests == len(early)
        assert part.counted.total.requests == len(mine)
        assert part.counted.early.latency == one_by_one(early).get(part.key, Summary()).latency


@given(st.lists(rows, max_size=40), st.integers(0, 40))
def test_folding_in_two_batches_adds_up_to_folding_one(observations, cut):
    units = Units()
    total: dict = {}
    for batch in (observations[:cut], observations[cut:]):
        parts = fold(batch, units, lambda _: True)
        units.remember(parts)
        for key, window in windows(parts).items():
            total[key] = total.get(key, Summary()) + window
    assert total == one_by_one(observations)


def test_a_forced_variant_is_no_evidence():
    assert fold([observation(release="rel_1", propensity=0)], Units(), is_sample) == []


def test_a_unit_is_new_until_its_batch_was_remembered():
    units = Units()
    batch = [observation(release="rel_1", unit_hash=7)]
    assert fold(batch, units, lambda _: True)[0].counted.window.units == 1
    units.remember(fold(batch, units, lambda _: True))
    assert fold(batch, units, lambda _: True)[0].counted.window.units == 0
    units.forget("rel_1")
    assert fold(batch, units, lambda _: True)[0].counted.window.units == 1


def test_beyond_its_bound_units_are_counted_too_low_never_too_high():
    units = Units(limit=3)
    for unit_hash in range(10):
        units.remember(fold([observation(release="rel_1", unit_hash=unit_hash)], units, lambda _: True))
    assert fold([observation(release="rel_1", unit_hash=99)], units, lambda _: True)[0].counted.window.units == 0


def compared(parts) -> dict:
    return {part.key: part.counted.compared for part in parts if part.counted.compared.requests}


@given(st.lists(rows, max_size=40), st.integers(0, 40))
def test_where_arms_are_compared_each_unit_counts_once_however_batches_are_cut(observations, cut):
    split = [
        observation(**{**as_fields(row), "propensity": 5_000, "started_at_us": i}) for i, row in enumerate(observations)
    ]
    units, total = Units(), {}
    for batch in (split[:cut], split[cut:]):
        parts = fold(batch, units, lambda _: True)
        units.remember(parts)
        for key, counts in compared(parts).items():
            total[key] = total.get(key, Summary()) + counts
    seen, firsts = set(), []
    for row in split:
        unit = (row.release, row.attempt, row.step, row.variant, row.unit_hash)
        if unit not in seen:
            seen.add(unit)
            firsts.append(row)
    assert total == one_by_one(firsts)


def as_fields(row) -> dict:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_of_requests_that_arrive_together_the_first_of_a_unit_is_the_one_that_began_first():
    late = observation(release="rel_1", propensity=500, started_at_us=20, assigned_outcome="timeout")
    early = observation(release="rel_1", propensity=500, started_at_us=10)
    (part,) = fold([late, early], Units(), lambda _: True)
    assert part.counted.compared.outcomes == {"ok": 1}
    assert part.counted.window.outcomes == {"ok": 1, "timeout": 1}


def test_a_variant_that_no_coin_chose_is_not_compared():
    sole = observation(release="rel_1", propensity=10_000)
    assert compared(fold([sole], Units(), lambda _: True)) == {}
    drawn = observation(release="rel_1", propensity=500)
    assert compared(fold([drawn], Units(), lambda _: True, lambda _: False)) == {}
    assert compared(fold([drawn], Units(), lambda _: False)) == {}
