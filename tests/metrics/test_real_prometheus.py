"""Against the real server: what is asked of a fake elsewhere means the same here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.fakes.json_endpoint import json_endpoint
from tests.fakes.real_prometheus import NOT_INSTALLED, PROMETHEUS, RealPrometheus

from tidegate.metrics.kinds import source_of
from tidegate.metrics.settings import MetricsSettings, PrometheusSettings
from tidegate.metrics.source import NoValueError, Subject, Tools

pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason=NOT_INSTALLED)

PAGE = b"""\
gpu_util{service="bot",version="bot/v1.1.0-22222222",gpu="0"} 90
gpu_util{service="bot",version="bot/v1.1.0-22222222",gpu="1"} 70
gpu_util{service="bot",version="bot/v1.0.0-11111111",gpu="2"} 40
odd_value NaN
"""
CANDIDATE = Subject("bot", "bot/v1.1.0-22222222", "candidate", 60)
STABLE = Subject("bot", "bot/v1.0.0-11111111", "stable", 60)


@pytest.fixture
async def tools(tmp_path) -> AsyncIterator[Tools]:
    async with json_endpoint() as endpoint, httpx2.AsyncClient(trust_env=False) as client:
        endpoint.answers["/metrics"] = (200, PAGE)
        server = RealPrometheus(tmp_path, endpoint.url)
        try:
            await server.start()
            made = Tools(client, MetricsSettings(prometheus=PrometheusSettings(url=server.url)))
            await until_scraped(made)
            yield made
        finally:
            await server.stop()


async def until_scraped(tools: Tools) -> None:
    source = source_of({"prometheus": "count(gpu_util) + count(odd_value)"}, tools)
    while True:
        try:
            if await source.read(CANDIDATE) == 4:
                return
        except NoValueError:
            await asyncio.sleep(0.1)


async def reason_of(query: str, tools: Tools) -> str:
    with pytest.raises(NoValueError) as caught:
        await source_of({"prometheus": query}, tools).read(CANDIDATE)
    return str(caught.value)


async def test_one_number_for_each_variant_and_a_reason_for_everything_else(tools):
    query = 'avg(gpu_util{service="{service}",version="{version}"})'
    source = source_of({"prometheus": query}, tools)
    assert [await source.read(CANDIDATE), await source.read(STABLE)] == [80, 40]
    assert await source_of({"prometheus": "scalar(sum(gpu_util))"}, tools).read(STABLE) == 200
    assert await source_of({"prometheus": "max(max_over_time(gpu_util[{window}]))"}, tools).read(STABLE) == 90
    assert "gives no series" in await reason_of("avg(gpu_utl)", tools)
    assert "gives 3 series" in await reason_of("gpu_util", tools)
    assert "the value is nan" in await reason_of("odd_value", tools)
    assert "the value is inf" in await reason_of("sum(gpu_util) / 0", tools)
    assert "parse error" in await reason_of("avg(", tools)
    assert "gives a matrix" in await reason_of("gpu_util[1m]", tools)
