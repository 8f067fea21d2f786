"""A shadow over real processes: copies at real gateways, pairs through the real link, money that really ends."""

from __future__ import annotations

import asyncio

import pytest
from tests.e2e.test_lifecycle import SERVICE, bundle, running, serves, until

SHADOW = {
    "strategy": {"shadow": {"percent": "100%", "soak": "3s", "max_concurrency": 4}},
    "probe": {"requests": 2},
    "guardrails": [
        {"metric": "error_rate", "max_increase": "40%", "hard": "> 30%"},
        {"metric": "ttft", "stat": "p95", "max_increase": "1%"},
    ],
    "analysis": {"interval": "500ms", "min_samples": 20, "max_extensions": 5},
}
CHAIN = {
    **SHADOW,
    "strategy": [
        {"shadow": {"percent": "50%", "soak": "2s"}},
        {"canary": {"steps": [{"split": "50%", "soak": "3s"}], "promote": {"bake": "1s", "keep_warm": "0s"}}},
    ],
    "assignment": {"unit": "request"},
    "guardrails": [{"metric": "error_rate", "max_increase": "40%", "hard": "> 30%"}],
}


async def shadowed(run, version: str, model: str, spec: dict):
    await run.client.push(bundle(model), service=SERVICE, version=version)
    started = await run.client.release(SERVICE, version, spec=spec)
    return (await run.client.wait(started.id, for_="finished", timeout=40)).release


@pytest.mark.timeout(120)
async def test_a_good_shadow_finishes_a_bad_one_is_rolled_back_and_no_user_meets_either(tmp_path):
    async with running(tmp_path, per_second=40, workers=2) as run:
        await until(lambda: serves(run, "v1.0.0"))

        good = await shadowed(run, "v1.1.0", "better", SHADOW)
        told = (await run.client.explain(good.id)).sentences
        assert (good.phase, good.verdict, good.exposed_requests) == ("succeeded", "pass", 0), told
        assert (await run.stable()).startswith(f"{SERVICE}/v1.0.0")
        pairs = await run.client.pairs(good.id)
        (totals,) = pairs.totals
        assert totals.pairs >= 20
        assert totals.quantities["latency"].pairs > 0
        assert pairs.items[0].candidate.version.startswith(f"{SERVICE}/v1.1.0")
        assert pairs.items[0].stable.version.startswith(f"{SERVICE}/v1.0.0")
        assert any("decides nothing" in sentence for sentence in told)

        bad = await shadowed(run, "v1.2.0", "flaky", SHADOW)
        assert (bad.phase, bad.exposed_requests) == ("rolled_back", 0)
        incident = (await run.client.incidents(service=SERVICE)).incidents[0]
        assert (incident.release, incident.exposed_requests) == (bad.id, 0)
        assert run.traffic.failed == 0
        assert {share[0].rpartition("-")[0] for share in shares_of(run)} == {f"{SERVICE}/v1.0.0"}


@pytest.mark.timeout(120)
async def test_users_are_served_while_every_copy_hangs(tmp_path):
    async with running(tmp_path, per_second=40) as run:
        await until(lambda: serves(run, "v1.0.0"))
        await run.client.push(bundle("hanging"), service=SERVICE, version="v1.1.0")
        started = await run.client.release(SERVICE, "v1.1.0", spec=SHADOW)

        async def all_places_hang() -> bool:
            return sum(request.model == "hanging" for request in run.simulator.requests) >= 2 + 4

        await until(all_places_hang)
        before = run.traffic.sent
        await until(lambda: has_sent(run, before + 40))
        assert run.traffic.failed == 0
        await run.client.abort(started.id)
        ended = (await run.client.wait(started.id, timeout=40)).release
        assert (ended.phase, ended.exposed_requests) == ("rolled_back", 0)
        await asyncio.sleep(0.5)
        assert run.traffic.failed == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_money_for_copies_ends_over_all_gateways_together(tmp_path):
    spec = {**SHADOW, "strategy": {"shadow": {"percent": "100%", "soak": "10m", "max_cost": "0.01 USD"}}}
    async with running(tmp_path, per_second=60, workers=2) as run:
        await until(lambda: serves(run, "v1.0.0"))
        ended = await shadowed(run, "v1.1.0", "dear", spec)
        assert ended.phase == "succeeded", (await run.client.explain(ended.id)).sentences
        (totals,) = (await run.client.pairs(ended.id)).totals
        assert 0.005 <= totals.cost_usd <= 0.01
        assert totals.copies >= 20
        assert run.traffic.failed == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_chain_copies_first_and_is_promoted_in_the_end(tmp_path):
    async with running(tmp_path, per_second=60) as run:
        await until(lambda: serves(run, "v1.0.0"))
        done = await shadowed(run, "v1.1.0", "better", CHAIN)
        told = (await run.client.explain(done.id)).sentences
        assert done.phase in {"draining", "succeeded"}, told
        assert (await run.stable()).startswith(f"{SERVICE}/v1.1.0")
        assert run.traffic.failed == 0


def shares_of(run):
    from tidegate.cli.demo.traffic import shares

    return shares(run.traffic.window(5.0))


async def has_sent(run, count: int) -> bool:
    return run.traffic.sent >= count
