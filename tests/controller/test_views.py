"""What leaves control has the public shape, however it is kept inside."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from tidegate.controller.gateways import GatewayView
from tidegate.controller.views import gateway_view, release_view
from tidegate.delivery.release import Breach, MetricVerdict, Phase, ReleaseState
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.snapshot import BreakerState, Cutoff, Heartbeat
from tidegate.registry.releases import ReleaseRow
from tidegate.stats.verdict import Verdict

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STABLE, CANDIDATE = "bot/v1.0.0-aaaaaaaa", "bot/v1.1.0-bbbbbbbb"
FAILED = MetricVerdict(metric="error_rate", verdict=Verdict.FAIL, code="limit_broken", sentence="No.", limit=0.05)


def rolling_back() -> ReleaseRow:
    breach = Breach(trigger="guardrail", sentence="No.", at=AT, opens_incident=True, evidence=(FAILED,))
    state = ReleaseState(
        id="rel_1",
        service="bot",
        candidate=CANDIDATE,
        stable=STABLE,
        created_at=AT,
        phase=Phase.ROLLING_BACK,
        split={"candidate": 500},
        verdict=Verdict.FAIL,
        verdicts=(FAILED,),
        breach=breach,
    )
    return ReleaseRow(
        id="rel_1",
        service="bot",
        candidate=CANDIDATE,
        stable=STABLE,
        spec=parse_release({"service": "bot", "version": "v1.1.0"}),
        state=state,
        created_at=AT,
        ended_at=None,
        actor="ann",
        reason="",
        version=4,
    )


def test_a_verdict_is_told_with_every_field_though_it_is_stored_without_defaults():
    (told,) = msgspec.to_builtins(release_view(rolling_back()))["verdicts"]
    assert told["verdict"] == "fail"
    assert (told["estimate"], told["samples"], told["is_dry_run"]) == (None, 0, False)
    assert "estimate" not in msgspec.to_builtins(FAILED)


def test_the_evidence_of_a_breach_stays_inside():
    told = msgspec.to_builtins(release_view(rolling_back()))["breach"]
    assert told == {"trigger": "guardrail", "sentence": "No.", "at": "2026-03-01T12:00:00Z", "is_automatic": True}


def test_a_gateway_is_told_with_its_breakers_and_cutoffs():
    breaker = BreakerState(deployment="sim/small", state="blocking", failures=5)
    cutoff = Cutoff(service="bot", release="rel_1", attempt=1, variant="candidate", failures=5, reason="timeout")
    beat = Heartbeat(
        gateway="gw-1",
        boot_id="boot",
        pid=7,
        address="127.0.0.1:4000",
        build="test",
        revision=7,
        epoch=1,
        breakers=(breaker,),
        cutoffs=(cutoff,),
    )
    seen = GatewayView(heartbeat=beat, heard_at=AT, silent_seconds=0.5, is_live=True)
    told = msgspec.to_builtins(gateway_view(seen, 8))
    assert told["breakers"] == (msgspec.to_builtins(breaker),)
    assert told["cutoffs"] == (msgspec.to_builtins(cutoff),)
    assert (told["id"], told["is_live"], told["is_current"]) == ("gw-1", True, False)
    assert "boot_id" not in told
