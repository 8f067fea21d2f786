"""Small values around the engine: state as JSON, facts, intents, commands, smoke expectations."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.delivery.release_world import NEW, OLD, START, World, traffic

from tidegate.delivery.commands import Command, Notify, WriteRouting
from tidegate.delivery.facts import Facts, GatewayFact, may_serve
from tidegate.delivery.intents import INTENTS, Intent, Promote
from tidegate.delivery.notifying import EVENTS
from tidegate.delivery.probe import unmet
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.release import Phase, decode_state, encode_state, new_release
from tidegate.delivery.release_spec import ExpectSpec


def test_every_state_of_a_whole_life_survives_json():
    world = World().reach(Phase.GATING)
    world.reach(Phase.DRAINING)
    world.serve(traffic(0, failed=30))
    world.wait(1)
    world.step()
    world.reach(Phase.ROLLED_BACK)
    assert {decision.state.phase for decision in world.log} >= {Phase.GATING, Phase.PROMOTING, Phase.ROLLED_BACK}
    for decision in world.log:
        assert decode_state(encode_state(decision.state)) == decision.state


def test_a_state_of_another_release_of_the_program_is_still_read():
    state = new_release(release_id="rel_1", service="bot", candidate=NEW, stable=OLD, now=START)
    plain = msgspec.json.decode(encode_state(state)) | {"a_field_of_tomorrow": 1}
    assert decode_state(msgspec.json.encode(plain)) == state
    assert set(msgspec.json.decode(encode_state(state))) == {
        "id",
        "service",
        "candidate",
        "stable",
        "created_at",
        "arms",
    }


def test_a_state_from_when_there_was_one_candidate_with_a_weight_is_still_read():
    stored = {
        "id": "rel_1",
        "service": "bot",
        "candidate": NEW,
        "stable": OLD,
        "created_at": START.isoformat(),
        "phase": "progressing",
        "weight": 500,
        "share": 500,
        "targets": {"internal": 2_500},
        "accepted_units": [7, 90],
    }
    state = decode_state(msgspec.json.encode(stored))
    assert (state.arms, state.split, state.shares) == ({"candidate": NEW}, {"candidate": 500}, {"candidate": 500})
    assert state.targets == {"internal": {"candidate": 2_500}}
    assert state.weights == {"stable": 9_500, "candidate": 500}
    assert state.accepted_units == {"candidate": 7, "stable": 90}


def test_intents_are_told_apart_by_their_kind():
    asked = Promote(id=1, actor="ann", reason="now", accepted_at=START, full=True)
    assert msgspec.json.decode(msgspec.json.encode(asked), type=Intent) == asked
    assert msgspec.json.decode(msgspec.json.encode(asked))["kind"] == "promote"
    assert list(INTENTS) == ["promote", "pause", "resume", "abort", "rollback", "retry", "approve", "reject", "alert"]


def test_the_same_wish_has_the_same_key_and_another_split_another_one():
    def write(weight):
        weights = {"stable": 10_000 - weight, "candidate": weight}
        return WriteRouting(release="rel_1", attempt=1, step=0, service="bot", phase="promoting", weights=weights).key

    assert write(500) == write(500) != write(1_000)


def test_every_command_names_its_action_and_says_whether_it_is_a_record():
    effects = {kind.__name__ for kind in Command.__args__ if not kind.is_record}
    assert effects == {"WriteRouting", "Deploy", "RunGate", "RunProbe"}
    notify = Notify(release="r", attempt=1, step=0, service="bot", event="paused", sentence="", at=START, ordinal=1)
    assert notify.event in EVENTS
    assert notify.key.startswith("r/1/0/notify:paused:")


def test_every_event_that_is_told_is_a_known_one():
    world = World().reach(Phase.SUCCEEDED)
    told = [command.event for decision in world.log for command in decision.commands if isinstance(command, Notify)]
    assert told == ["started", "progressed", "promoted", "succeeded"]
    assert set(told) <= set(EVENTS)


@pytest.mark.parametrize(
    ("silent", "renewed", "is_stopping", "expected"),
    [(0, 0, False, True), (5, 5, False, True), (60, 11, False, True), (60, 13, False, False), (0, 0, True, False)],
)
def test_a_silent_gateway_leaves_the_quorum_only_when_its_lease_must_have_run_out(
    silent, renewed, is_stopping, expected
):
    made = may_serve(
        silent_for=timedelta(seconds=silent),
        since_renewal=timedelta(seconds=renewed),
        lease=timedelta(seconds=10),
        grace=timedelta(seconds=2),
        is_stopping=is_stopping,
    )
    assert made is expected


def test_acknowledgement_compares_epochs_before_revisions_and_ignores_the_departed():
    def acknowledged(*gateways):
        return Facts(epoch=2, stable=OLD, gateways=gateways).is_acknowledged(2, 7)

    assert acknowledged(GatewayFact(id="a", epoch=2, revision=7), GatewayFact(id="b", epoch=3, revision=1))
    assert not acknowledged(GatewayFact(id="a", epoch=1, revision=9))
    assert acknowledged(GatewayFact(id="a", epoch=1, revision=1, is_live=False))


@pytest.mark.parametrize(
    ("expect", "lacks"),
    [
        (ExpectSpec(), None),
        (
            ExpectSpec(contains="pong", matches="^po", not_contains="x", finish_reason="stop", max_latency=Seconds(1)),
            None,
        ),
        (ExpectSpec(contains="ping"), "does not contain 'ping'"),
        (ExpectSpec(not_contains="pong"), "contains 'pong'"),
        (ExpectSpec(matches="^ng"), "does not match '^ng'"),
        (ExpectSpec(finish_reason="length"), "ended with 'stop', not 'length'"),
        (ExpectSpec(max_latency=Seconds(0.1)), "took 0.5 s, and 0.1 s are allowed"),
    ],
)
def test_a_smoke_answer_is_told_what_it_lacks(expect, lacks):
    found = unmet(expect, text="pong", finish_reason="stop", latency_seconds=0.5)
    assert found is None if lacks is None else lacks in found
