import time

import pytest
import pytest_asyncio
from tests.fakes.observations import batch, observation

from tidegate.errors import InvalidInputError, NotFoundError

CANARY = {
    "strategy": {"canary": {"steps": [{"split": "10%", "soak": "2h"}, {"split": "50%", "soak": "2h"}]}},
    "guardrails": [{"metric": "error_rate", "max_ratio": 2.0}],
    "assignment": {"unit": "user"},
}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def candidate(shared):
    async with shared.client() as client:
        return (await client.push({"model": "sim/gpt", "card": "planned"}, service="bot")).ref


async def test_a_plan_works_before_any_history_and_says_so(shared, candidate):
    async with shared.client() as client:
        assume = {"requests_per_hour": 5_000, "rates": {"error_rate": "2%"}, "streams": "50%"}
        found = (await client.plan("bot", candidate, spec=CANARY, assume=assume)).plan
        assert found.steps[0].metrics[0].expected == 0.02
        assert found.version == candidate
        assert [step.kind for step in found.steps] == ["split", "split", "bake"]
        assert found.traffic == "assumed"
        assert any("plain default" in sentence for sentence in found.assumptions)
        assert not (await client.history("bot")).items  # nothing was started


async def test_without_traffic_it_is_refused(shared, candidate):
    async with shared.client() as client:
        found = (await client.plan("bot", candidate, spec=CANARY)).plan
        assert [refusal.code for refusal in found.refusals] == ["no_traffic"]


async def test_wrong_requests_name_what_is_wrong(shared, candidate):
    async with shared.client() as client:
        with pytest.raises(InvalidInputError) as error:
            await client.plan("bot", candidate, assume={"request_per_hour": 3})
        assert error.value.where == "assume"
        with pytest.raises(InvalidInputError):
            await client.plan("bot", candidate, detect="p95 faster")
        with pytest.raises(NotFoundError):
            await client.plan("nobody", "v1.0.0")


async def test_history_is_counted_by_unit_and_a_schedule_is_proposed(server):
    async with server.client() as client:
        stable = (await client.status("bot")).stable
        ref = (await client.push({"model": "sim/gpt", "card": "other"}, service="bot")).ref
        began = int((time.time() - 1_800) * 1e6)
        rows = [
            observation(
                request_id=f"req_{i}",
                started_at_us=began + i * 100_000,
                version=stable,
                served_version=stable,
                unit_hash=i % 300,
                assigned_outcome="timeout" if i % 25 == 0 else "ok",
                duration_us=200_000 + 997 * (i % 400),
            )
            for i in range(900)
        ]
        await server.control.store(batch(rows, boot_id="history"))
        planned = await client.plan("bot", ref, spec=CANARY, detect="p95 +50%", within_seconds=86_400)
        found = planned.plan
        assert found.samples == 300
        assert found.requests_per_unit == pytest.approx(3)
        assert found.correlation is not None
        assert found.traffic == "history"
        assert found.requests_per_hour > 0
        (metric,) = found.steps[0].metrics
        assert (metric.source, metric.expected) == ("history", pytest.approx(0.04, abs=0.005))
        assert planned.proposal.steps[-1].share == 0.5
