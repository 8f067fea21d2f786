from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.fakes.json_endpoint import JsonEndpoint, json_endpoint

from tidegate.metrics.settings import MetricsSettings, PrometheusSettings, SecretSettings
from tidegate.metrics.source import Tools


@pytest.fixture
async def endpoint() -> AsyncIterator[JsonEndpoint]:
    async with json_endpoint() as made:
        yield made


@pytest.fixture
async def tools(endpoint) -> AsyncIterator[Tools]:
    settings = MetricsSettings(
        prometheus=PrometheusSettings(url=f"{endpoint.url}/prom/", headers={"authorization": "Bearer own"}),
        secrets={
            "here": SecretSettings(value="Bearer 1234", origin=endpoint.url),
            "there": SecretSettings(value="Bearer 5678", origin="https://other.example"),
        },
    )
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield Tools(client, settings)
