"""Routes: made from state alone, so equality tells whether the published one is right."""

from __future__ import annotations

import msgspec
import pytest
from tests.delivery.release_world import NEW, OLD, START, World

from tidegate.delivery.bundle import Bundle, PromptSpec, RoutingSpec, TimeoutsSpec
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.release import Phase, SubPhase, new_release
from tidegate.delivery.routing import service_route, variant_route
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.snapshot import Segment, Target, Timeouts

STABLE, CANDIDATE = (OLD, Bundle(model="local/old")), (NEW, Bundle(model="local/new"))
SPEC = World().spec


def route(phase: Phase, *, stable=STABLE, previous=None, is_frozen=False, weight=0, service=None, spec=SPEC):
    state = msgspec.structs.replace(
        new_release(release_id="rel_1", service="bot", candidate=NEW, stable=OLD, now=START),
        phase=phase,
        split={"candidate": weight},
    )
    service = service or ServiceSpec()
    return service_route(
        "bot", service, "salt", stable, (spec, state, dict([CANDIDATE])), is_frozen=is_frozen, previous=previous
    )


def shares(made):
    return [(variant.name, variant.version, variant.weight) for variant in made.variants]


def test_without_version_there_is_no_variant_and_without_release_stable_alone():
    assert service_route("bot", ServiceSpec(), "salt", None, None, is_frozen=False).variants == ()
    made = service_route("bot", ServiceSpec(), "salt", STABLE, None, is_frozen=False)
    assert (shares(made), made.stable, made.release) == ([("stable", OLD, 10_000)], "stable", None)


def test_the_candidate_is_known_from_gating_on_with_its_weight():
    assert shares(route(Phase.GATING)) == [("stable", OLD, 10_000), ("candidate", NEW, 0)]
    made = route(Phase.PROMOTING, weight=10_000)
    assert shares(made) == [("stable", OLD, 0), ("candidate", NEW, 10_000)]
    assert (made.release.id, made.release.round, made.release.on_lease_expiry) == ("rel_1", 0, "stable")


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.is_running] + [Phase.ROLLING_BACK])
def test_nothing_leads_to_the_candidate_before_and_after(phase):
    made = route(phase, weight=10_000)
    assert shares(made) == [("stable", OLD, 10_000)]
    assert made.release is None


def test_a_freeze_sends_everything_to_stable():
    for phase in Phase:
        assert shares(route(phase, is_frozen=True, weight=10_000)) == [("stable", OLD, 10_000)]


def test_while_draining_the_old_version_stays_as_a_rescue_and_gateways_hold_what_they_have():
    made = route(Phase.DRAINING, stable=CANDIDATE, previous=STABLE, weight=10_000)
    assert shares(made) == [("stable", OLD, 0), ("candidate", NEW, 10_000)]
    assert made.release.on_lease_expiry == "hold"


def test_the_first_version_of_a_service_has_nothing_beside_it():
    made = route(Phase.PROMOTING, stable=None, weight=10_000)
    assert (shares(made), made.stable, made.release.on_lease_expiry) == ([("candidate", NEW, 10_000)], None, "hold")
    assert shares(route(Phase.DRAINING, stable=CANDIDATE, weight=10_000)) == [("stable", NEW, 10_000)]


def test_soaking_and_judging_do_not_change_the_route():
    world = World().reach(Phase.PROMOTING, SubPhase.SOAKING)
    before = world.wanted_route()
    world.ask("pause")
    assert world.wanted_route() == before


def test_a_version_goes_before_its_service_and_the_service_before_the_built_in():
    bundle = Bundle(
        model="openai/org/model",
        prompt=PromptSpec(system="be kind", system_policy="replace", variables={"name": None}),
        generation={"temperature": 0.2},
        routing=RoutingSpec(fallbacks=("claude/haiku",), timeouts=TimeoutsSpec(total=Seconds(9)), max_attempts=5),
    )
    service = ServiceSpec(
        fallbacks=("claude/haiku", "openai/org/model", "local/small"),
        timeouts=TimeoutsSpec(total=Seconds(60), idle=Seconds(7)),
        overrides=("seed",),
    )
    made = variant_route("stable", OLD, bundle, 10_000, service)
    assert made.timeouts == Timeouts(total=9.0, idle=7.0)
    assert made.fallbacks == (Target(provider="claude", model="haiku"), Target(provider="local", model="small"))
    assert (made.provider, made.insertion.model, made.max_attempts) == ("openai", "org/model", 5)
    assert (made.insertion.system, made.insertion.system_policy, made.insertion.overridable) == (
        "be kind",
        "replace",
        ("seed",),
    )
    assert made.insertion.variables == {"name": None}


def test_the_release_may_choose_another_unit_than_the_service():
    spec = msgspec.structs.replace(SPEC, assignment=msgspec.structs.replace(SPEC.assignment, unit="user"))
    service = ServiceSpec(unit="request", segments={"internal": Segment(key="ci")}, derive_conversation=True)
    made = route(Phase.PROMOTING, weight=10_000, spec=spec, service=service)
    assert (made.unit, made.segments["internal"].key, made.derive_conversation) == ("user", "ci", True)
    assert route(Phase.PROMOTING, weight=10_000, service=service).unit == "request"
