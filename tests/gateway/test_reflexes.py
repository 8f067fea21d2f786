"""Breakers, the cut-off of a candidate, the lease."""

from __future__ import annotations

import time

import pytest
from tests.gateway.gateway_bench import OPERATOR_KEY, Bench, canary, release, service, variant

from tidegate.gateway import breaker as breaker_module


def error(status: int, **settings):
    return {"kind": "error", "status": status, **settings}


async def test_a_candidate_is_cut_off_after_hard_failures_in_a_row_and_reported(bench, simulate):
    sim = await simulate({"candidate-model": {"faults": [error(500)]}})
    bench.provide("sim", sim)
    bench.publish(canary(cutoff_failures=3))
    for _ in range(5):
        assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"
    asked = [request.model for request in sim.requests]
    assert asked.count("candidate-model") == 3
    cutoff = bench.gateway.cutoffs()[0]
    assert (cutoff.service, cutoff.release, cutoff.attempt, cutoff.variant) == ("bot", "r-7", 2, "candidate")
    assert (cutoff.failures, cutoff.reason) == (3, "upstream_error")
    rows = await bench.observations.after(5)
    assert {(row.variant, row.served, row.assigned_outcome, row.fallbacks) for row in rows} == {
        ("candidate", "stable", "upstream_error", 1)
    }
    assert [row.attempts for row in rows] == [2, 2, 2, 1, 1]


async def test_a_cut_off_ends_with_its_attempt_and_survives_other_snapshots(bench, simulate):
    sim = await simulate({"candidate-model": {"faults": [error(401, first=1)]}})
    bench.provide("sim", sim)
    bench.publish(canary(cutoff_failures=1))
    await bench.chat()
    bench.publish(canary(cutoff_failures=1, step=4))
    assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"
    bench.publish(canary(cutoff_failures=1, attempt=3))
    assert bench.gateway.cutoffs() == ()
    assert (await bench.chat()).headers["x-tidegate-variant"] == "candidate"


@pytest.mark.parametrize("status", [400, 422, 429])
async def test_what_may_be_the_callers_or_the_quotas_fault_cuts_nothing_off(bench, simulate, status):
    bench.provide("sim", await simulate({"candidate-model": {"faults": [error(status)]}}))
    bench.publish(canary(cutoff_failures=1))
    await bench.chat()
    assert bench.gateway.cutoffs() == ()


async def test_a_forced_request_reaches_a_cut_off_candidate_unrescued(bench, simulate):
    sim = await simulate({"candidate-model": {"faults": [error(500)]}})
    bench.provide("sim", sim)
    bench.publish(canary(cutoff_failures=1))
    await bench.chat()
    answer = await bench.chat(
        headers={"authorization": f"Bearer {OPERATOR_KEY}", "x-tidegate-force-version": "candidate"}
    )
    assert (answer.status_code, answer.headers["x-tidegate-variant"]) == (500, "candidate")
    assert [request.model for request in sim.requests] == ["candidate-model", "stable-model", "candidate-model"]


async def test_without_a_lease_stable_serves_alone_or_the_split_holds(bench, simulate):
    bench.provide("sim", await simulate())
    bench.publish(canary(), has_lease=False)
    assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"
    row = (await bench.observations.after(1))[0]
    assert (row.variant, row.propensity, row.assigned_outcome) == ("stable", 10_000, "ok")
    bench.publish(canary(on_lease_expiry="hold"), has_lease=False)
    assert (await bench.chat()).headers["x-tidegate-variant"] == "candidate"
    bench.publish(canary())
    assert (await bench.chat()).headers["x-tidegate-variant"] == "candidate"


def breaker_of(bench: Bench) -> breaker_module.Breaker:
    table = bench.gateway.holder.current
    assert table is not None
    return table.routes["bot"].arms[0].order[0].deployment.breaker


async def test_a_blocking_deployment_is_passed_over_and_admitted_after_a_probe(bench, simulate, monkeypatch):
    monkeypatch.setattr(breaker_module.Breaker.__init__, "__defaults__", (2, 60.0, 60.0))
    sim = await simulate({"stable-model": {"faults": [error(503, first=2)]}})
    bench.provide("sim", sim)
    bench.publish(service(variant(fallbacks=("sim/other",))))
    assert (await bench.chat()).headers["x-tidegate-variant"] == "fallback"  # two failures, then the fallback
    assert [state.state for state in bench.gateway.breaker_states()] == ["blocking"]
    answer = await bench.chat()
    assert (answer.headers["x-tidegate-variant"], answer.headers["x-tidegate-attempts"]) == ("fallback", "1")
    breaker_of(bench).blocked_until = time.monotonic()
    assert bench.gateway.breaker_states()[0].state == "probing"
    assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"
    assert bench.gateway.breaker_states() == ()
    rows = await bench.observations.after(3)
    assert [row.assigned_outcome for row in rows] == ["upstream_error", "upstream_error", "ok"]


async def test_a_single_deployment_is_never_benched_for_ever(bench, simulate):
    sim = await simulate({"stable-model": {"faults": [error(500, first=9)]}})
    bench.provide("sim", sim)
    bench.publish(service())
    for _ in range(3):
        assert (await bench.chat()).status_code == 500
    assert bench.gateway.breaker_states()[0].state == "blocking"
    assert (await bench.chat()).status_code == 200
    assert bench.gateway.breaker_states() == ()
    assert (await bench.observations.after(4))[-1].assigned_outcome == "ok"


async def test_a_bad_key_benches_its_own_deployment_only(bench, simulate):
    sim = await simulate(api_key="right")
    bench.secrets = {"sim": "wrong", "good": "right"}
    bench.provide("sim", sim)
    bench.provide("good", sim, credential="memory:good")
    bench.publish(service(variant(fallbacks=("good/stable-model",))))
    for _ in range(7):
        assert (await bench.chat()).status_code == 200
    (state,) = bench.gateway.breaker_states()
    assert (state.deployment, state.state) == ("sim/stable-model", "blocking")
    bench.secrets["sim"] = "right"
    bench.publish(service(variant(fallbacks=("good/stable-model",))))
    assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"  # a mended key starts anew


async def test_breakers_outlive_the_table(bench: Bench, simulate):
    bench.provide("sim", await simulate({"stable-model": {"faults": [error(500)]}}))
    bench.publish(service())
    await bench.chat()
    before = bench.gateway.breaker_states()
    bench.publish(service(release=release()))
    assert bench.gateway.breaker_states() == before != ()
