"""What model servers of our own say of themselves: load, queue and cache, under one name whatever the server's.

A provider that declares ``server_metrics`` is asked every :data:`ASK_SECONDS`; the few figures that explain a slow
answer are passed on by control's page.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

import httpx2
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

ASK_SECONDS = 15.0
_PATIENCE_SECONDS = 5.0
_MOST_BYTES = 8 << 20

_LOG = structlog.get_logger("tidegate.model_servers")

FIGURES: dict[str, tuple[str, str]] = {
    "running": ("tidegate_upstream_requests_running", "Requests that the model server works on."),
    "waiting": ("tidegate_upstream_requests_waiting", "Requests that wait in the model server's queue."),
    "cache": ("tidegate_upstream_kv_cache_usage", "Used part of the model server's key-value cache, 0 to 1."),
}
KNOWN: dict[str, str] = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "cache",
    "vllm:gpu_cache_usage_perc": "cache",  # before vLLM 0.10
    "sglang:num_running_reqs": "running",
    "sglang:num_queue_reqs": "waiting",
    "sglang:token_usage": "cache",
    "llamacpp:requests_processing": "running",
    "llamacpp:requests_deferred": "waiting",
    "llamacpp:kv_cache_usage_ratio": "cache",  # older ones; today's do not tell
    "tgi_batch_current_size": "running",
    "tgi_queue_size": "waiting",
}
"""Metric of a server, as its documentation names it -> figure of :data:`FIGURES`."""


class Told(NamedTuple):
    """One number of one server; ``model`` is "" where the server does not say."""

    provider: str
    model: str
    figure: str
    value: float


def read_page(provider: str, page: str) -> list[Told]:
    """The figures of a page in Prometheus' text format; several engines of one model are added up, caches averaged.

    Raises:
        ValueError: it is no such page.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            figure = KNOWN.get(sample.name)
            if figure is not None and math.isfinite(sample.value):
                model = sample.labels.get("model_name", sample.labels.get("model", ""))
                found.setdefault((model, figure), []).append(sample.value)
    return [
        Told(provider, model, figure, sum(values) / (len(values) if figure == "cache" else 1))
        for (model, figure), values in sorted(found.items())
    ]


class ModelServers:
    """Asks, remembers the last answer, and tells it.

    Args:
        addresses: provider -> address of its page, read anew for each round.
    """

    def __init__(self, client: httpx2.AsyncClient, addresses: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._client = client
        self._addresses = addresses
        self._told: dict[str, list[Told] | None] = {}  # None: it did not answer

    async def run(self) -> None:
        """Ask in turn until cancelled."""
        while True:
            try:
                await self.ask_all()
            except Exception as error:
                _LOG.warning("model_servers_not_asked", error=repr(error))
            await asyncio.sleep(ASK_SECONDS)

    async def ask_all(self) -> None:
        """One round; a server that hangs keeps none of the others waiting."""
        addresses = await self._addresses()
        answers = await asyncio.gather(*(self._ask(name, url) for name, url in addresses.items()))
        self._told = dict(zip(addresses, answers, strict=True))

    def families(self) -> Iterator[Metric]:
        """As families of control's page."""
        up = GaugeMetricFamily(
            "tidegate_upstream_up", "1 while a model server tells its figures.", labels=("provider",)
        )
        for provider, told in sorted(self._told.items()):
            up.add_metric((provider,), float(told is not None))
        yield up
        for figure, (name, text) in FIGURES.items():
            family = GaugeMetricFamily(name, text, labels=("provider", "model"))
            for each in (each for told in self._told.values() for each in told or ()):
                if each.figure == figure:
                    family.add_metric((each.provider, each.model), each.value)
            yield family

    async def _ask(self, provider: str, url: str) -> list[Told] | None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._client.stream("GET", url) as answer:
                answer.raise_for_status()
                page = bytearray()
                async for part in answer.aiter_bytes():
                    page += part
                    if len(page) > _MOST_BYTES:
                        raise ValueError("its page is too long")
            return read_page(provider, page.decode())
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            if self._told.get(provider, ()) is not None:  # told once, not each round
                _LOG.warning("model_server_silent", provider=provider, url=url, error=repr(error))
            return None
