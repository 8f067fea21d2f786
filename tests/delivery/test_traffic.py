from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.snapshot import ReleaseContext, Segment, ServiceRoute, VariantRoute
from tidegate.delivery.traffic import Arms, SegmentRule, Unit, arms_of, targeted_arms, unit_of
from tidegate.wire.insertion import Insertion


def route(**weights: int) -> ServiceRoute:
    variants = tuple(
        VariantRoute(name=name, version=f"bot/v1.0.{i}", weight=weight, provider="p", insertion=Insertion(model="m"))
        for i, (name, weight) in enumerate(weights.items())
    )
    return ServiceRoute(name="bot", stable="stable", variants=variants, salt="bot")


@given(st.text(max_size=40), st.integers(0, 10_000), st.integers(0, 10_000))
def test_raising_the_weight_moves_units_to_the_candidate_and_never_back(unit, one, other):
    low, high = sorted((one, other))
    before = Arms("salt", [10_000 - low, low], 0).assign(unit).arm
    after = Arms("salt", [10_000 - high, high], 0).assign(unit).arm
    assert before <= after


@pytest.mark.parametrize("weight", [1, 100, 500, 2_500, 5_000])
def test_the_share_of_units_is_the_weight(weight):
    arms = Arms("shop", [10_000 - weight, weight], 0)
    n = 40_000
    chosen = sum(arms.assign(f"user-{i}").arm for i in range(n))
    p = weight / 10_000
    assert abs(chosen - n * p) <= 4 * (n * p * (1 - p)) ** 0.5 + 1


def test_stable_owns_the_last_points_wherever_it_is_declared():
    first = arms_of(route(stable=9_000, candidate=1_000))
    last = arms_of(route(candidate=1_000, stable=9_000))
    units = [f"u{i}" for i in range(2_000)]
    assert [first.assign(u).arm for u in units] == [1 - last.assign(u).arm for u in units]


def test_arms_of_one_third_each_share_all_units():
    arms = Arms("s", [3_334, 3_333, 3_333], 0)
    counts = [0, 0, 0]
    for i in range(9_000):
        counts[arms.assign(str(i)).arm] += 1
    assert all(abs(count - 3_000) < 200 for count in counts)


def test_another_salt_shuffles_the_units():
    one, two = (Arms(salt, [5_000, 5_000], 0) for salt in ("a", "b"))
    same = sum(one.assign(str(i)).arm == two.assign(str(i)).arm for i in range(4_000))
    assert 1_800 < same < 2_200


def test_a_sole_arm_gets_everybody_with_certainty():
    assignment = arms_of(route(stable=10_000, candidate=0)).assign("anybody")
    assert (assignment.arm, assignment.propensity) == (0, 10_000)


@pytest.mark.parametrize("weights", [[9_999, 0], [10_001, -1], [5_000, 5_001], []])
def test_weights_that_break_the_law_are_refused(weights):
    with pytest.raises(ValueError, match="10000"):
        Arms("s", weights, 0)


@pytest.mark.parametrize(
    ("kind", "given_names", "expected"),
    [
        ("conversation", {"header": "h", "conversation": "c", "user": "u"}, ("header", "h")),
        ("conversation", {"header": None, "conversation": "c", "user": "u"}, ("conversation", "c")),
        ("conversation", {"header": None, "conversation": None, "user": "u"}, ("user", "u")),
        ("conversation", {"header": None, "conversation": None, "user": None}, ("request", "r")),
        ("user", {"header": None, "conversation": "c", "user": "u"}, ("user", "u")),
        ("user", {"header": None, "conversation": "c", "user": None}, ("request", "r")),
        ("request", {"header": None, "conversation": "c", "user": "u"}, ("request", "r")),
        ("request", {"header": "h", "conversation": "c", "user": "u"}, ("header", "h")),
    ],
)
def test_the_unit_is_the_most_specific_name_the_service_asks_for(kind, given_names, expected):
    assert unit_of(kind, request_id="r", **given_names) == Unit(*expected)


def test_a_segment_holds_when_all_its_conditions_do():
    rule = SegmentRule("internal", Segment(header={"X-Team": "acme-*"}, metadata={"plan": "beta"}, key="shop-*"))
    headers, metadata = {"x-team": "acme-search"}, {"plan": "beta"}
    assert rule.holds(headers, metadata, "shop-backend", None)
    assert not rule.holds({"x-team": "other"}, metadata, "shop-backend", None)
    assert not rule.holds(headers, {}, "shop-backend", None)
    assert not rule.holds(headers, metadata, "ci", None)


def targeted(weight: int, **targets: int) -> ServiceRoute:
    made = route(stable=10_000 - weight, candidate=weight)
    context = ReleaseContext(id="rel_1", attempt=1, step=0)
    return ServiceRoute(
        name="bot",
        stable="stable",
        variants=made.variants,
        salt="bot",
        release=context,
        targets={segment: {"candidate": share} for segment, share in targets.items()},
    )


def arm_of(found: ServiceRoute, unit: str, segments: tuple[str, ...]) -> int:
    own = (arms for segment, arms in targeted_arms(found) if segment in segments)
    return next(own, arms_of(found)).assign(unit).arm


steps_of_a_ramp = st.lists(
    st.tuples(st.integers(0, 9_999), st.dictionaries(st.sampled_from("ab"), st.integers(1, 9_999))),
    min_size=2,
    max_size=5,
)


@given(st.text(max_size=20), st.sets(st.sampled_from("abc")), steps_of_a_ramp)
def test_a_ramp_of_segments_and_weights_never_moves_a_unit_back(unit, segments, steps):
    weight, targets, before = 0, {}, 0
    for more, raised in steps:  # each step raises the weight or some targets
        weight = max(weight, more)
        targets = {name: max(targets.get(name, 0), raised.get(name, 0)) for name in targets.keys() | raised.keys()}
        arm = arm_of(targeted(weight, **targets), unit, tuple(segments))
        assert arm >= before
        before = arm


def test_a_segment_with_a_smaller_target_than_everybody_has_no_weights_of_its_own():
    assert targeted_arms(targeted(500, internal=400)) == ()
    assert [name for name, _ in targeted_arms(targeted(500, internal=600, beta=700))] == ["beta", "internal"]
    assert targeted_arms(route(stable=10_000, candidate=0)) == ()


def test_a_target_says_with_what_probability_it_chose():
    ((_, arms),) = targeted_arms(targeted(100, internal=2_500))
    found = [arms.assign(f"u{i}") for i in range(4_000)]
    assert {(a.arm, a.propensity) for a in found} == {(0, 7_500), (1, 2_500)}
    assert 850 < sum(a.arm for a in found) < 1_150


@given(st.lists(st.integers(1, 3_000), min_size=2, max_size=3), st.integers(0, 2), st.text(min_size=1))
def test_an_arm_that_is_taken_out_gives_its_units_to_stable_and_moves_nobody_else(weights, index, unit):
    out = index % len(weights)
    left = [0 if i == out else weight for i, weight in enumerate(weights)]
    before = Arms("bot", [10_000 - sum(weights), *weights], 0)
    after = Arms("bot", [10_000 - sum(left), *left], 0, [0, *(w if i == out else 0 for i, w in enumerate(weights))])
    was = before.assign(unit).arm
    assert after.assign(unit).arm == (0 if was == out + 1 else was)


def test_slots_and_weights_together_must_fit():
    with pytest.raises(ValueError, match="exceed"):
        Arms("bot", [1_000, 9_000], 0, [0, 10_001])
