import msgspec
import pytest

from tidegate.client.waiting import EXIT_CODES, outcome_of, wait
from tidegate.errors import InvalidInputError
from tidegate.shapes.releases import Release

PLAIN = Release(
    id="rel_1",
    service="bot",
    version="bot/v1.1.0-00000000",
    stable=None,
    strategy="direct",
    phase="gating",
    attempt=1,
    step=0,
    sub_phase=None,
    weights={},
    pause_reasons=(),
    verdict=None,
    verdicts=(),
    samples=0,
    exposed_requests=0,
    breach=None,
    time_to_stable_seconds=None,
    is_running=True,
    created_at="2026-09-15T12:00:00Z",
    started_at=None,
    not_before_at=None,
    soak_until=None,
    deadline_at=None,
    ended_at=None,
    actor="a",
    reason="",
    etag=1,
)


@pytest.mark.parametrize(
    ("phase", "reasons", "code"),
    [
        ("draining", (), 0),
        ("succeeded", (), 0),
        ("rolled_back", (), 3),
        ("rejected", (), 3),
        ("superseded", (), 3),
        ("promoting", ("manual",), 4),
        ("promoting", ("await_approval", "no_data"), 4),
        ("promoting", ("await_approval",), None),
        ("promoting", ("unverified",), None),
        ("rolling_back", (), None),
        ("pending", (), None),
    ],
)
def test_each_state_has_the_exit_code_of_the_interface(phase, reasons, code):
    seen = msgspec.structs.replace(PLAIN, phase=phase, pause_reasons=reasons)
    outcome = outcome_of(seen)
    assert (None if outcome is None else EXIT_CODES[outcome]) == code


def test_waiting_asks_until_there_is_an_outcome():
    flow = wait("rel_1")
    call = flow.send(None)
    assert (call.path, float(call.query["wait_seconds"])) == ("/releases/rel_1", 20.0)
    flow.send(PLAIN)
    with pytest.raises(StopIteration) as done:
        flow.send(msgspec.structs.replace(PLAIN, phase="succeeded"))
    assert done.value.value.exit_code == 0


def test_waiting_no_time_at_all_still_looks_once():
    flow = wait("rel_1", timeout=0.0)
    flow.send(None)
    with pytest.raises(StopIteration) as done:
        flow.send(PLAIN)
    assert done.value.value.exit_code == 5


def test_only_what_is_known_can_be_waited_for():
    with pytest.raises(InvalidInputError):
        wait("rel_1", for_="christmas").send(None)


@pytest.mark.parametrize(("for_", "outcome", "code"), [("promoted", "ended", 3), ("finished", "finished", 0)])
def test_a_release_that_was_never_to_promote_is_not_taken_for_promoted(for_, outcome, code):
    seen = msgspec.structs.replace(PLAIN, phase="succeeded", finishes=True)
    assert outcome_of(seen, for_=for_) == outcome
    assert EXIT_CODES[outcome] == code


def test_who_waits_for_the_good_end_takes_a_promotion_too():
    assert outcome_of(msgspec.structs.replace(PLAIN, phase="draining"), for_="finished") == "promoted"
