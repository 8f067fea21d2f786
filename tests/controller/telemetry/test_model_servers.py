"""Figures of model servers, as vLLM and others write them, under our names."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from tidegate.controller.telemetry.model_servers import ModelServers, Told, read_page

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="llama"} 7.0
vllm:num_requests_running{engine="1",model_name="llama"} 5.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="llama"} 3.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="llama"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="llama"} 0.7
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="llama"} 123456.0
"""


def test_engines_of_one_model_are_added_up_and_caches_averaged():
    assert read_page("local", VLLM) == [
        Told("local", "llama", "cache", pytest.approx(0.6)),
        Told("local", "llama", "running", 12),
        Told("local", "llama", "waiting", 3),
    ]


@pytest.mark.parametrize(
    ("name", "figure"), [("llamacpp:requests_deferred", "waiting"), ("sglang:token_usage", "cache")]
)
def test_other_servers_have_other_words(name, figure):
    assert read_page("local", f"# TYPE {name} gauge\n{name} 0.25\n") == [Told("local", "", figure, 0.25)]


async def test_a_silent_server_is_told_as_such_and_keeps_nobody_waiting():
    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "hung":
            await asyncio.sleep(60)
        if request.url.host == "odd":
            return httpx2.Response(200, text="<html>no page of figures")
        return httpx2.Response(200, text=VLLM)

    async def addresses():
        return {name: f"http://{name}/metrics" for name in ("odd", "good")}

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        servers = ModelServers(client, addresses)
        await servers.ask_all()
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in servers.families()
        for sample in family.samples
    }
    assert told["tidegate_upstream_up", "odd"] == 0
    assert told["tidegate_upstream_up", "good"] == 1
    assert told["tidegate_upstream_requests_waiting", "good", "llama"] == 3
