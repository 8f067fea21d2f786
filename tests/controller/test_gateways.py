from datetime import UTC, datetime, timedelta

from tidegate.controller.clock import ManualClock
from tidegate.controller.gateways import FORGET_AFTER_SECONDS, GatewayRegistry
from tidegate.delivery.facts import Facts
from tidegate.delivery.snapshot import Cutoff, Heartbeat

START = datetime(2026, 9, 15, 12, tzinfo=UTC)
CUTOFF = Cutoff(service="bot", release="rel_1", attempt=1, variant="candidate", failures=5, reason="timeout")


def beat(gateway="a", revision=1, epoch=1, boot="boot", **more) -> Heartbeat:
    return Heartbeat(
        gateway=gateway,
        boot_id=boot,
        pid=1,
        address="127.0.0.1:7400",
        build="test",
        revision=revision,
        epoch=epoch,
        **more,
    )


def registry() -> tuple[ManualClock, GatewayRegistry]:
    clock = ManualClock(START)
    return clock, GatewayRegistry(clock, lease_seconds=10, grace_seconds=2)


def is_acknowledged(known: GatewayRegistry, epoch: int, revision: int) -> bool:
    """As a decision asks it."""
    return Facts(epoch=epoch, stable=None, gateways=known.facts()).is_acknowledged(epoch, revision)


def test_all_live_gateways_must_serve_the_revision():
    _, known = registry()
    known.hear(beat("a", 5))
    known.hear(beat("b", 4))
    assert not is_acknowledged(known, 1, 5)
    known.hear(beat("b", 6))
    assert is_acknowledged(known, 1, 5)


def test_a_revision_of_an_earlier_epoch_acknowledges_nothing():
    _, known = registry()
    known.hear(beat("a", 9, epoch=1))
    assert not is_acknowledged(known, 2, 5)


def test_a_silent_gateway_leaves_the_quorum_only_when_its_lease_has_run_out():
    clock, known = registry()
    known.hear(beat("a", 4))
    clock.advance(timedelta(seconds=1))
    known.renewed("a", "boot")
    clock.advance(timedelta(seconds=12))
    assert not is_acknowledged(known, 1, 5)
    assert known.reachable() == []
    clock.advance(timedelta(seconds=0.1))
    assert is_acknowledged(known, 1, 5)


def test_a_gateway_whose_heartbeats_are_lost_stays_in_the_quorum_while_its_lease_is_renewed():
    clock, known = registry()
    known.hear(beat("a", 4))
    for _ in range(30):
        clock.advance(timedelta(seconds=1))
        known.renewed("a", "boot")
    assert not is_acknowledged(known, 1, 5)
    assert known.reachable() == []


def test_after_a_takeover_the_followers_of_the_leader_before_are_reckoned_with_until_they_are_heard_of():
    _, known = registry()
    known.reckon_with(["a", "b"])
    known.hear(beat("a", 5))
    assert not is_acknowledged(known, 1, 5)
    assert known.roster() == ("a", "b")
    known.hear(beat("b", 5))
    assert is_acknowledged(known, 1, 5)
    known.hear(beat("b", 5, stopping=True))
    assert known.roster() == ("a",)


def test_a_follower_that_is_never_heard_of_counts_for_one_lease():
    clock, known = registry()
    known.reckon_with(["b"])
    clock.advance(timedelta(seconds=12))
    assert not is_acknowledged(known, 1, 5)
    clock.advance(timedelta(seconds=0.1))
    assert is_acknowledged(known, 1, 5)
    assert known.roster() == ()


def test_a_wall_clock_jump_keeps_the_quorum():
    clock, known = registry()
    known.hear(beat("a", 4))
    clock.jump(timedelta(hours=1))
    assert [view.heartbeat.gateway for view in known.live()] == ["a"]


def test_a_stopping_gateway_leaves_at_once():
    _, known = registry()
    known.hear(beat("a", 4))
    known.hear(beat("a", 4, stopping=True))
    assert known.live() == []
    assert is_acknowledged(known, 1, 5)


def test_news_wakes_the_controller_and_repetition_does_not():
    _, known = registry()
    assert known.hear(beat())
    assert not known.hear(beat())
    assert known.hear(beat(revision=2))
    assert known.hear(beat(revision=2, cutoffs=(CUTOFF,)))
    assert known.hear(beat(revision=2, cutoffs=(CUTOFF,), boot="another"))
    assert not known.hear(beat(revision=2, cutoffs=(CUTOFF,), boot="another", in_flight={"bot/v1": 3}))
    assert not known.hear(beat(revision=2, cutoffs=(CUTOFF,), boot="another", in_flight={"bot/v1": 1}))
    assert known.hear(beat(revision=2, cutoffs=(CUTOFF,), boot="another", in_flight={}))


def test_while_a_gateway_is_replaced_both_processes_are_reckoned_with():
    clock, known = registry()
    known.hear(beat("a", 4, boot="old", in_flight={"bot/v1": 2}))
    assert known.hear(beat("a", 5, boot="new"))
    assert not is_acknowledged(known, 1, 5)  # the old one still serves the revision before
    assert known.hear(beat("a", 4, boot="old", in_flight={"bot/v1": 2}, stopping=True))
    assert is_acknowledged(known, 1, 5)
    assert [(fact.revision, fact.is_live, fact.is_draining, fact.in_flight) for fact in known.facts()] == [
        (5, True, False, {}),
        (4, False, True, {"bot/v1": 2}),
    ]
    clock.advance(timedelta(seconds=1))
    known.hear(beat("a", 5, boot="new"))
    clock.advance(timedelta(seconds=1.5))
    assert [view.heartbeat.boot_id for view in known.views()] == ["new"]
    assert known.roster() == ("a",)


def test_a_crashed_gateway_that_came_back_is_not_waited_for_a_whole_lease():
    clock, known = registry()
    known.hear(beat("a", 4, boot="crashed"))
    known.renewed("a", "crashed")
    known.hear(beat("a", 5, boot="restarted"))
    assert not is_acknowledged(known, 1, 5)  # for as long as it might have been slow to speak only
    clock.advance(timedelta(seconds=2.1))
    assert is_acknowledged(known, 1, 5)


def test_cutoffs_of_live_gateways_are_known():
    _, known = registry()
    known.hear(beat("a", cutoffs=(CUTOFF,)))
    known.hear(beat("b"))
    assert known.cutoffs() == (CUTOFF,)
    known.hear(beat("a", cutoffs=(CUTOFF,), stopping=True))
    assert known.cutoffs() == ()


def test_gateways_that_left_long_ago_are_forgotten():
    clock, known = registry()
    known.hear(beat("a"))
    clock.advance(timedelta(seconds=FORGET_AFTER_SECONDS + 1))
    assert known.views() == []


def test_the_latest_revision_seen_is_ordered_by_epoch_first():
    _, known = registry()
    assert known.latest_seen() == (0, 0)
    known.hear(beat("a", revision=9, epoch=1))
    known.hear(beat("b", revision=2, epoch=3))
    assert known.latest_seen() == (3, 2)
