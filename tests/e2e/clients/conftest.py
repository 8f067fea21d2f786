"""Fixtures: official clients, the gateway process they are pointed at, and the record of what they can do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator

import anthropic
import openai
import pytest
from tests.e2e.clients.features import FEATURES, upstreams_of
from tests.e2e.clients.gateway_stack import GatewayStack, SimulatorThread, gateway_stack
from tests.e2e.clients.services import KEY, UPSTREAMS, Upstream, service_name

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _recorded_check(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Say in the report what the test shows, for the table of clients."""
    feature = FEATURES[request.function.__name__.removeprefix("test_")]
    package = openai if {"openai_client", "async_openai"} & {*request.fixturenames} else anthropic
    callspec = getattr(request.node, "callspec", None)
    named = (callspec.params if callspec else {}).get("upstream")
    for upstream in (named,) if named else upstreams_of(feature):
        check = {"client": f"{package.__name__} (Python)", "version": package.__version__}
        record_property("check", json.dumps(check | {"feature": feature, "upstream": upstream}))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayStack]:
    """One gateway process with its models for all tests of a worker."""
    with pytest.MonkeyPatch.context() as patch, gateway_stack(tmp_path_factory.mktemp("gateway")) as running:
        for name in _PROXIES:
            patch.delenv(name, raising=False)
        yield running


@pytest.fixture
def simulator(stack: GatewayStack) -> SimulatorThread:
    """The models' side, with no requests yet."""
    stack.simulator.until(lambda counts: counts["concurrent"] == 0)  # what the last test left is gone
    stack.simulator.reset()
    return stack.simulator


@pytest.fixture(params=UPSTREAMS)
def upstream(request: pytest.FixtureRequest) -> Upstream:
    """The dialect of the provider behind the service."""
    return request.param


class Services:
    """Service names towards one upstream: ``services["plain"]``."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def __getitem__(self, behaviour: str) -> str:
        return service_name(behaviour, self._upstream)


@pytest.fixture
def services(upstream: Upstream) -> Services:
    """Every service towards ``upstream``."""
    return Services(upstream)


@pytest.fixture(scope="session")
def _openai(stack: GatewayStack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stack.openai_url, api_key=KEY, max_retries=0, timeout=120) as client:
        yield client


@pytest.fixture
def openai_client(_openai: openai.OpenAI, simulator: SimulatorThread) -> openai.OpenAI:
    """The official OpenAI client, pointed at the gateway; it does not retry."""
    return _openai


@pytest.fixture
async def async_openai(stack: GatewayStack, simulator: SimulatorThread) -> AsyncIterator[openai.AsyncOpenAI]:
    """Its asynchronous twin."""
    async with openai.AsyncOpenAI(base_url=stack.openai_url, api_key=KEY, max_retries=0, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def _anthropic(stack: GatewayStack) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=stack.url, api_key=KEY, max_retries=0, timeout=120) as client:
        yield client


@pytest.fixture
def anthropic_client(_anthropic: anthropic.Anthropic, simulator: SimulatorThread) -> anthropic.Anthropic:
    """The official Anthropic client, pointed at the gateway; it does not retry."""
    return _anthropic


@pytest.fixture
async def async_anthropic(stack: GatewayStack, simulator: SimulatorThread) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Its asynchronous twin."""
    async with anthropic.AsyncAnthropic(base_url=stack.url, api_key=KEY, max_retries=0, timeout=120) as client:
        yield client
