"""Log probabilities that a client asked for are noted on the way; nobody else's answer is looked at."""

from __future__ import annotations

import math

import pytest
from tests.gateway.gateway_bench import service

from tidegate.delivery.observation import perplexity_of


@pytest.fixture
async def told(bench, simulate):
    """A model that tells what it was asked for."""
    bench.provide("sim", await simulate({"stable-model": {"surprisal": 0.5}}))
    bench.publish(service())
    return bench


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_perplexity_of_an_answer_is_observed(told, stream):
    answer = await told.chat(stream=stream, logprobs=True)
    assert answer.status_code == 200
    (row,) = await told.observations.after(1)
    assert row.surprisal_tokens == row.output_tokens > 0
    assert perplexity_of(row) == pytest.approx(math.exp(0.5))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_it_is_unknown_where_nobody_asked(told, stream):
    await told.chat(stream=stream)
    (row,) = await told.observations.after(1)
    assert (row.surprisal_unats, row.surprisal_tokens) == (0, 0)
