"""I12: raising weights and targets moves units to the candidate and never back, mirrors or not; a pinned conversation
is not moved at all."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.gateway_bench import service, variant

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.snapshot import ReleaseContext, Segment
from tidegate.delivery.traffic import arms_of, targeted_arms
from tidegate.gateway.pins import PinPlan, PinTable

SEGMENTS = ("beta", "internal")
UNITS = [f"c{number}" for number in range(30)]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.dictionaries(st.sampled_from(SEGMENTS), st.integers(0, 10_000)),
        st.sampled_from([None, Mirroring(share=5_000)]),
    ),
    min_size=1,
    max_size=6,
)


def rising(steps):
    """The same steps so that nobody ever gets less, as the engine makes them."""
    weight, targets = 0, {}
    for index, (more, of_segments, mirroring) in enumerate(steps):
        weight = max(weight, more)
        for segment, target in of_segments.items():
            targets[segment] = max(targets.get(segment, 0), target)
        yield service(
            variant("stable", 10_000 - weight),
            variant("candidate", weight),
            release=ReleaseContext(id="r", attempt=1, step=index, mirroring=mirroring, pins=True),
            segments={name: Segment() for name in SEGMENTS},
            targets={segment: {"candidate": target} for segment, target in targets.items()},
        )


def chosen(route, unit: str, segments: tuple[str, ...]):
    """Index, hash and propensity, as the gateway's stage has them."""
    arms = next((own for name, own in targeted_arms(route) if name in segments), arms_of(route))
    return arms.assign(unit)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sets(st.sampled_from(SEGMENTS)))
def test_nobody_moves_back_and_no_conversation_moves(steps, segments):
    table, first, before = PinTable(), {}, dict.fromkeys(UNITS, 0)
    for route in rising(steps):
        plan = PinPlan(route, arms_of(route), table)
        for unit in UNITS:
            index, unit_hash, propensity = chosen(route, unit, tuple(segments))
            assert index >= before[unit]
            before[unit] = index
            call = SimpleNamespace(
                unit_hash=unit_hash, propensity=propensity, facts=SimpleNamespace(previous_response_id=None)
            )
            kept = plan.keep(call, "conversation", index)
            assert kept == first.setdefault(unit, kept)
