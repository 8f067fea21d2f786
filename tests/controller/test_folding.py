from collections import defaultdict
from functools import reduce
from operator import add

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.observations import observation

from tidegate.controller.folding import fold, sort_rows
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Outcome
from tidegate.registry.observations import Counted

rows = st.builds(
    observation,
    release=st.sampled_from(["", "rel_1", "rel_2"]),
    step=st.integers(0, 1),
    round=st.integers(0, 1),
    variant=st.sampled_from(["stable", "candidate"]),
    served=st.sampled_from(["stable", "candidate", "fallback", ""]),
    unit_hash=st.integers(0, 5),
    has_own_unit=st.booleans(),
    propensity=st.sampled_from([500, 10_000]),
    assigned_outcome=st.sampled_from([*Outcome]).map(str),
    stream=st.booleans(),
    duration_us=st.integers(-1, 10**9),
    ttft_us=st.integers(0, 10**7),
    tpot_us=st.integers(0, 10**6),
    input_tokens=st.integers(-1, 10**5),
    output_tokens=st.integers(-1, 10**5),
    cached_tokens=st.integers(-1, 10**3),
    cost_nano_usd=st.integers(-1, 10**12),
    keeps_format=st.integers(-1, 1),
    surprisal_tokens=st.integers(0, 9),
    surprisal_unats=st.integers(0, 10**8),
)


@st.composite
def traffic(draw):
    """Requests in the order they began, some of them reported while they were open."""
    found = []
    for n, row in enumerate(draw(st.lists(rows, max_size=8))):
        fields = {**as_fields(row), "started_at_us": n // 2, "request_id": f"req_{n}"}
        age = 0
        for longer in draw(st.lists(st.integers(1, 10**6), max_size=2)):
            has_content = 0 < fields["ttft_us"] <= age + longer
            report = {"is_open": True, "duration_us": age + longer, "ttft_us": fields["ttft_us"] if has_content else 0}
            found.append(observation(**{**fields, **report, "outcome": "", "assigned_outcome": "", "waited_us": age}))
            age += longer
        found.append(observation(**{**fields, "waited_us": age}))
    return found


def as_fields(row) -> dict:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def key_of(row):
    return row.release, row.attempt, row.step, row.round, row.variant


def is_sample(row) -> bool:
    return row.started_at_us >= 3


class Folder:
    """Folds batches, remembering what a database would."""

    def __init__(self):
        self.firsts, self.counts = {}, {}

    def store(self, batch):
        arranged = sort_rows(batch, is_sample)
        folded = fold(arranged, {at: self.firsts[at] for at in arranged.returning() if at in self.firsts})
        for key, (added, removed) in folded.counts.items():
            self.counts[key] = (self.counts.get(key, Counted()) + added).without(removed)
        self.firsts |= folded.firsts


def expected(observations) -> dict:
    """The same counts by the definition: every row by itself, each unit by its first request."""
    parts = defaultdict(lambda: ([], [], []))
    by_unit, own = defaultdict(list), []
    for row in observations:
        if not row.release:
            continue
        early, window, _ = parts[key_of(row)]
        (window if is_sample(row) else early).append(Summary.of(row, is_new_unit=False))
        if is_sample(row):
            unit = (row.release, row.attempt, row.step, row.variant, row.unit_hash)  # whatever the round
            own.append(row) if row.has_own_unit else by_unit[unit].append(row)
    for row in own:
        parts[key_of(row)][1].append(Summary(units=not row.is_open))
        if row.propensity == 500:
            parts[key_of(row)][2].append(Summary.of(row, is_new_unit=not row.is_open))
    for mine in by_unit.values():
        began = min((row.started_at_us, row.request_id) for row in mine)
        first = [row for row in mine if (row.started_at_us, row.request_id) == began]
        _, window, compared = parts[key_of(first[0])]
        window.append(Summary(units=1))
        if first[0].propensity == 500:
            compared.extend(Summary.of(row, is_new_unit=n == 0) for n, row in enumerate(first))
    return {key: Counted(*(reduce(add, each, Summary()) for each in three)) for key, three in parts.items()}


@settings(max_examples=80)
@given(traffic(), st.data())
def test_however_rows_are_ordered_and_cut_into_batches_the_counts_are_those_of_the_definition(observations, data):
    order = data.draw(st.permutations(observations))
    folder = Folder()
    while order:
        size = data.draw(st.integers(1, len(order)))
        folder.store(order[:size])
        order = order[size:]
    assert folder.counts == expected(observations)


@settings(max_examples=30)
@given(traffic())
def test_of_an_ended_request_nothing_is_left_of_its_reports(observations):
    folder = Folder()
    folder.store(observations)
    for counted in folder.counts.values():
        for part in (counted.early, counted.window, counted.compared):
            assert (part.open_latency.count, part.open_latency.buckets, part.open_ttft.buckets) == (0, {}, {})


def test_an_open_request_counts_as_lasting_at_least_its_age():
    folder = Folder()
    fields = {"release": "rel_1", "propensity": 500, "started_at_us": 5, "stream": True}
    folder.store([observation(**fields, is_open=True, duration_us=2_000_000)])
    compared = folder.counts["rel_1", 1, 0, 0, "stable"].compared
    assert (compared.requests, compared.units, compared.open_latency.count) == (0, 1, 1)
    assert compared.open_ttft.above(1_900_000) == 1


def test_a_forced_variant_is_no_evidence():
    folder = Folder()
    folder.store([observation(release="rel_1", propensity=0)])
    assert folder.counts == {}


def test_a_unit_counts_by_its_request_that_began_first_even_when_that_arrives_last():
    folder = Folder()
    late = observation(release="rel_1", propensity=500, started_at_us=20, assigned_outcome="timeout")
    early = observation(release="rel_1", propensity=500, started_at_us=10, request_id="req_0")
    folder.store([late])
    assert folder.counts["rel_1", 1, 0, 0, "stable"].compared.outcomes == {"timeout": 1}
    folder.store([early])
    counted = folder.counts["rel_1", 1, 0, 0, "stable"]
    assert (counted.compared.outcomes, counted.compared.units) == ({"ok": 1}, 1)
    assert counted.window.outcomes == {"ok": 1, "timeout": 1}


def test_a_variant_that_no_coin_chose_is_not_compared():
    folder = Folder()
    folder.store([observation(release="rel_1", propensity=10_000, started_at_us=9)])
    assert folder.counts["rel_1", 1, 0, 0, "stable"].compared == Summary()
    assert folder.counts["rel_1", 1, 0, 0, "stable"].window.units == 1
