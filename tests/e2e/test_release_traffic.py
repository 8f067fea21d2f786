"""Releases under steady load, as users run them: what stable could have served is never failed.

Real processes, SQLite, simulated models. `pytest -s` shows the figures of the way back.
"""

from __future__ import annotations

import asyncio
import signal

import pytest
from tests.e2e.test_zero_downtime import MODELS, Load, answers, until, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
BETTER = {"answer": "A better answer of some words.", "first_token_seconds": 0.01, "token_seconds": 0.002}
ROTTEN = BETTER | {"faults": [{"kind": "error", "status": 500, "after_requests": 8}]}
WATCHED = [{"metric": "error_rate", "hard": "> 20%"}]
BLUE_GREEN = {
    "strategy": {"blue_green": {"warm_up": 3, "promote": {"bake": "2s", "keep_warm": "60s", "drain": "20s"}}},
    "probe": {
        "requests": 1,
        "smoke": [{"messages": [{"role": "user", "content": "hi"}], "expect": {"contains": "better"}}],
    },
    "analysis": {"interval": "500ms"},
    "guardrails": WATCHED,
}
CANARY = {
    "strategy": {
        "canary": {
            "steps": [{"split": "20%", "soak": "2s"}, {"split": "50%", "soak": "2s"}],
            "promote": {"bake": "1s", "keep_warm": "0s", "drain": "20s"},
        }
    },
    "probe": {"requests": 1},
    "assignment": {"unit": "request"},
    "guardrails": WATCHED,
    "analysis": {"interval": "500ms", "min_samples": 10, "on_no_data": "extend", "max_extensions": 20},
}


@pytest.fixture(params=[50, pytest.param(200, marks=pytest.mark.slow)], ids=lambda rate: f"{rate}/s")
def rate(request) -> float:
    return request.param


@pytest.fixture(autouse=True)
def _models(monkeypatch):
    for name, behaviour in (("better", BETTER), ("rotten", ROTTEN)):
        monkeypatch.setitem(MODELS, name, behaviour)


async def push(client, version: str, model: str):
    return (await client.push({"model": f"sim/{model}"}, service="bot", version=version)).ref


async def in_phase(client, release: str, *phases: str):
    seen = None

    async def is_there() -> bool:
        nonlocal seen
        seen = await client.release_by_id(release)
        assert seen.is_running or seen.phase in phases, seen
        return seen.phase in phases

    await until(is_there, 60)
    return seen


async def test_blue_green_there_and_back_fails_nothing_and_each_switch_is_one_snapshot(tmp_path, rate):
    async with up(tmp_path, workers=2) as running, running.client() as client:
        async with Load(running.gateway_url, rate).steady() as load:
            green = await push(client, "v1.1.0", "better")
            started = await client.release("bot", "v1.1.0", spec=BLUE_GREEN)
            await in_phase(client, started.id, "draining")
            assert (await client.status("bot")).stable == green
            assert [target.is_warm for target in (await client.rollback_targets("bot")).items] == [True]
            await asyncio.sleep(0.5)
            await client.rollback("bot", reason="the other one after all")
            back = await in_phase(client, started.id, "rolled_back")
            assert (await client.status("bot")).stable.startswith("bot/v1.0.0")
            await asyncio.sleep(0.5)
        load.assert_flawless()
        print(f"\nblue-green, back to the warm version on every gateway: {back.time_to_stable_seconds * 1000:.0f} ms")
        events = (await client.explain(started.id)).events
        switches = [event for event in events if event.code == "routing_written"]
        assert len(switches) == 1  # all traffic at once, in one revision


async def test_a_canary_climbs_while_control_is_killed_and_gateways_are_replaced_and_nothing_fails(tmp_path, rate):
    async with up(tmp_path) as running:
        async with Load(running.gateway_url, rate).steady() as load:
            async with running.client() as client:
                candidate = await push(client, "v1.1.0", "better")
                started = await client.release("bot", "v1.1.0", spec=CANARY)
                await in_phase(client, started.id, "progressing")
            (control,) = running.children("control_process")
            control.send_signal(signal.SIGKILL)  # in the middle of a step

            async def is_another() -> bool:
                return running.children("control_process") not in ([], [control]) and await answers(running)

            await until(is_another)
            await running.reload()  # and every gateway is replaced by another process
            async with running.client() as client:
                ended = (await client.wait(started.id, timeout=120)).release
                told = (await client.explain(started.id)).sentences
                assert ended.phase in {"draining", "succeeded"}, told
                assert (await client.status("bot")).stable == candidate
        load.assert_flawless()


async def test_a_candidate_that_dies_is_cut_off_taken_back_everywhere_and_told_and_nobody_notices(tmp_path):
    async with up(tmp_path, workers=2) as running, running.client() as client:
        async with Load(running.gateway_url, 60).steady() as load:
            await push(client, "v1.1.0", "rotten")
            spec = CANARY | {
                "strategy": {"direct": {"promote": {"bake": "120s"}}},
                "probe": {"requests": 2},
                "guardrails": WATCHED,
            }
            started = await client.release("bot", "v1.1.0", spec=spec)
            ended = await in_phase(client, started.id, "rolled_back")
            await asyncio.sleep(1.5)
        load.assert_flawless()
        (incident,) = (await client.incidents(service="bot")).incidents
        codes = [moment.code for moment in incident.timeline]
        assert codes[:2] == ["breach", "routing_written"]
        assert codes.count("acknowledged") == 2
        assert codes.index("stable_everywhere") == 4
        assert incident.time_to_stable_seconds == ended.time_to_stable_seconds
        print(
            f"\n{incident.trigger}: {incident.exposed_requests} requests exposed, every gateway on stable "
            f"{incident.time_to_stable_seconds * 1000:.0f} ms after the breach"
        )
        assert "# Incident" in await client.incident_markdown(incident.id)
