"""What buttons say will happen, and which there are."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tidegate.dashboard.foretelling import Foretold, foretell
from tidegate.shapes.releases import Release
from tidegate.shapes.traffic import ProgramStep

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
CANARY = Release(
    id="rel_1",
    service="bot",
    version="bot/v1.1.0-0123abcd",
    stable="bot/v1.0.0-4567cdef",
    strategy="canary",
    phase="progressing",
    attempt=1,
    step=0,
    sub_phase="soaking",
    weights={"bot/v1.0.0-4567cdef": 9_500, "bot/v1.1.0-0123abcd": 500},
    pause_reasons=(),
    verdict=None,
    verdicts=(),
    samples=0,
    exposed_requests=0,
    program=({"kind": "split"}, {"kind": "approve"}),
    breach=None,
    time_to_stable_seconds=None,
    is_running=True,
    created_at=AT,
    started_at=AT,
    not_before_at=None,
    soak_until=None,
    deadline_at=None,
    ended_at=None,
    actor="ci",
    reason="",
    etag=3,
)


def steps(*kinds: str) -> list[ProgramStep]:
    """A program of which the first step is under way."""
    return [
        ProgramStep(
            kind=kind,
            title=f"the {kind}",
            weight=None,
            seconds=None,
            state="next" if place else "now",
            began_at=None,
            ended_at=None,
            expected_at=None,
        )
        for place, kind in enumerate(kinds)
    ]


PROGRAM = steps("split", "approve", "promote")


def changed(**more) -> Foretold:
    return foretell(msgspec.structs.replace(CANARY, **more), PROGRAM)


def test_each_button_of_a_running_canary_names_what_comes():
    told = foretell(CANARY, PROGRAM)
    assert "Next comes: the approve." in told.go_on
    assert "v1.1.0 gets all traffic and must hold through the bake" in told.promote_fully
    assert told.pause.startswith("v1.1.0 keeps its 5 % of traffic")
    assert told.abort.startswith("All new traffic goes to v1.0.0 at once")
    assert (told.approve, told.reject, told.resume, told.retry) == ("", "", "", "")


def test_nobody_is_offered_to_go_on_past_an_approval():
    told = changed(pause_reasons=("await_approval",), step=1)
    assert told.go_on == told.resume == ""
    assert "Next comes: the approve." in told.approve
    assert "All new traffic goes to v1.0.0" in told.reject
    assert told.promote_fully.startswith("Once the approval is given")


def test_a_pause_tells_why_it_paused_and_that_another_one_is_kept():
    told = changed(pause_reasons=("no_data",))
    assert "paused for no data" in told.resume
    assert told.pause.startswith("The release stays paused, also when what it waits for has come")
    assert changed(pause_reasons=("manual",)).pause == ""


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("decide", "the leading arm is promoted though it is not surely better"),
        ("interleave", "v1.1.0 is promoted, whatever the votes say"),
    ],
)
def test_an_experiment_that_is_cut_short_says_who_wins(kind, said):
    assert said in changed(program=({"kind": kind},)).go_on


def test_a_shadow_that_finishes_offers_no_promotion():
    told = foretell(
        msgspec.structs.replace(CANARY, strategy="shadow", program=({"kind": "mirror"},), finishes=True),
        steps("mirror"),
    )
    assert "nothing is promoted" in told.go_on
    assert told.promote_fully == ""


def test_a_first_version_warns_that_nothing_stands_behind_it():
    assert "no other version, so its users get errors" in changed(stable=None).abort


def test_what_has_ended_can_only_be_tried_again():
    assert foretell(msgspec.structs.replace(CANARY, phase="succeeded", is_running=False), []) == Foretold()
    retried = foretell(msgspec.structs.replace(CANARY, phase="rolled_back", is_running=False), [])
    assert "starts again from its probes" in retried.retry
    assert changed(phase="rolling_back").abort == ""
