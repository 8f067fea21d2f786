"""A real Prometheus goes away in the middle of a release: for a minute, and for longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from tests.fakes.json_endpoint import json_endpoint
from tests.fakes.real_prometheus import NOT_INSTALLED, PROMETHEUS, RealPrometheus
from tests.scenarios.world import ALICE, World

from tidegate.metrics.settings import MetricsSettings, PrometheusSettings
from tidegate.shapes.releases import Release

pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason=NOT_INSTALLED)

STEPS = [{"split": "50%", "soak": "2m"}, {"split": "60%", "soak": "1h"}]
GPU = {"metric": "gpu_util", "source": {"prometheus": 'avg(gpu_util{version="{version}"})'}, "hard": "> 95"}


class Setting(NamedTuple):
    world: World
    prometheus: RealPrometheus


@pytest.fixture
async def setting(tmp_path) -> AsyncIterator[Setting]:
    async with json_endpoint() as page:
        prometheus = RealPrometheus(tmp_path, page.url)
        settings = MetricsSettings(prometheus=PrometheusSettings(url=prometheus.url))
        world = await World.create(tmp_path, gateways=1, metrics=settings)
        try:
            versions = await world.service("bot", "1.0.0", "1.1.0")
            lines = "".join(f'gpu_util{{version="{version}"}} 60\n' for version in versions)
            page.answers["/metrics"] = (200, lines.encode())
            await prometheus.start()
            await prometheus.scraped("gpu_util")
            yield Setting(world, prometheus)
        finally:
            await world.close()
            await prometheus.stop()


async def soaking(world: World) -> Release:
    """A canary in its first step that Prometheus tells something of."""
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": STEPS}},
        guardrails=[GPU, {"metric": "error_rate", "hard": "> 2%"}],
        analysis={"min_samples": 20, "interval": "10s", "max_extensions": 0, "on_no_data": "pause"},
    )
    await world.until(submitted.id, "progressing.soaking")
    await pass_by(world, 10)
    assert await gpu(world, submitted) == "pass"
    return await world.look(submitted.id)


async def pass_by(world: World, seconds: float) -> None:
    """Time passes in steps of ten seconds, with users and with whatever Prometheus answers."""
    for _ in range(round(seconds / 10)):
        await world.gateways[0].serve("bot", 20)
        world.clock.advance(timedelta(seconds=10))
        world.beat()
        await world.control.controller.reconcile()
        await world.control.measurer.settle()
        await world.settle()


async def gpu(world: World, release: Release) -> str:
    verdicts = (await world.look(release.id)).verdicts
    return next((str(v.verdict) for v in verdicts if v.metric == "gpu_util"), "")


async def test_a_minute_without_prometheus_costs_nothing(setting):
    world, prometheus = setting
    began = await soaking(world)
    await prometheus.stop()
    await pass_by(world, 60)
    away = await world.look(began.id)
    assert (away.phase, away.step, away.pause_reasons) == ("progressing", 0, ())
    assert await gpu(world, began) == "no_data"
    await prometheus.start()
    await pass_by(world, 120)
    assert (await world.look(began.id)).step == 1


async def test_a_prometheus_that_stays_away_holds_the_release_until_it_is_back(setting):
    world, prometheus = setting
    began = await soaking(world)
    await prometheus.stop()
    await pass_by(world, 200)
    held = await world.look(began.id)
    assert (held.phase, held.step, held.pause_reasons) == ("progressing", 0, ("no_data",))
    told = next(v.sentence for v in held.verdicts if v.metric == "gpu_util")
    assert told.startswith("gpu_util has no value: ")
    assert "ConnectError" in told or "connect" in told.lower(), told
    await prometheus.start()
    await world.control.operations.command(began.id, "resume", actor=ALICE, if_match=held.etag)
    await pass_by(world, 130)
    assert (await world.look(began.id)).step == 1


async def test_while_prometheus_is_away_a_bad_candidate_is_taken_back_by_what_gateways_tell(setting):
    world, prometheus = setting
    began = await soaking(world)
    await prometheus.stop()
    await world.gateways[0].serve("bot", 60, fails=lambda version: version == began.version)
    await world.advance(1)
    await world.until(began.id, "rolled_back", at_most=10)
