"""Releases that are judged by numbers from elsewhere: beyond a limit, missing, misspelt, and a source that hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.fakes.json_endpoint import JsonEndpoint, json_endpoint
from tests.scenarios.world import World

from tidegate.errors import InvalidInputError

STEPS = [{"split": "50%", "soak": "10s"}]
PROMOTE = {"bake": "5s", "keep_warm": "0s"}


@pytest.fixture
async def endpoint() -> AsyncIterator[JsonEndpoint]:
    async with json_endpoint() as made:
        yield made


async def canary(world: World, endpoint: JsonEndpoint, name: str = "bot", **guardrail: Any):
    """A canary with one guardrail on ``/gpu``; returns (stable, candidate, view)."""
    old, new = await world.service(name, "1.0.0", "1.1.0")
    asked = {"metric": "gpu_util", "source": {"http": f"{endpoint.url}/gpu"}, **guardrail}
    return (
        old,
        new,
        await world.release(
            name,
            "v1.1.0",
            strategy={"canary": {"steps": STEPS, "promote": PROMOTE}},
            analysis={"interval": "1s", "min_samples": 10, "max_extensions": 0, "on_no_data": "pause"},
            guardrails=[asked, {"metric": "error_rate", "hard": "> 50%"}],
        ),
    )


def second(world: World, name: str = "bot"):
    async def pass_by() -> None:
        await world.gateways[0].serve(name, 40)
        await world.control.measurer.settle()

    return pass_by


def verdict_of(view: Any, metric: str = "gpu_util") -> Any:
    return next(verdict for verdict in view.verdicts if verdict.metric == metric)


async def test_a_number_beyond_its_limit_twice_of_three_rolls_back(world, endpoint):
    endpoint.answers["/gpu"] = (200, {"value": 97.5})
    old, _, submitted = await canary(world, endpoint, hard="> 95", breaches="2 of 3")
    ended = await world.until(submitted.id, "rolled_back", each=second(world))
    assert world.weights("bot") == {old: 10_000}
    assert (ended.breach.trigger, verdict_of(ended).code) == ("guardrail", "value_breached")
    assert "gpu_util is 97.5: 'value > 95' held in 2 of the last 3 readings" in ended.breach.sentence


async def test_a_number_within_its_limit_lets_the_release_pass(world, endpoint):
    endpoint.answers["/gpu"] = (200, {"value": 60})
    _, new, submitted = await canary(world, endpoint, hard="> 95")
    await world.until(submitted.id, "succeeded", each=second(world))
    assert await world.stable("bot") == new


async def test_a_number_that_is_not_there_is_never_a_pass(world, endpoint):
    endpoint.answers["/gpu"] = (200, {"walue": 60})
    _, new, submitted = await canary(world, endpoint, hard="> 95")
    for _ in range(30):
        await world.advance(1, second(world))
    view = await world.look(submitted.id)
    assert "no_data" in view.pause_reasons
    assert (verdict_of(view).verdict, verdict_of(view).code) == ("no_data", "not_read")
    assert verdict_of(view).sentence == "gpu_util has no value: the answer has nothing at /value"
    assert await world.stable("bot") != new


async def test_a_dry_run_is_shown_and_never_decides(world, endpoint):
    endpoint.answers["/gpu"] = (200, {"value": 99})
    _, new, submitted = await canary(world, endpoint, hard="> 95", dry_run=True)
    await world.until(submitted.id, "promoting", "succeeded", each=second(world))
    view = await world.until(submitted.id, "succeeded", each=second(world))
    assert await world.stable("bot") == new
    assert verdict_of(view).is_dry_run


async def test_a_source_that_hangs_delays_nobody(world, endpoint):
    endpoint.answers["/gpu"] = None
    _, _, hanging = await canary(world, endpoint, hard="> 95")
    old, new = await world.service("shop", "1.0.0", "1.1.0")
    bad = await world.release(
        "shop",
        "v1.1.0",
        strategy={"canary": {"steps": STEPS, "promote": PROMOTE}},
        analysis={"interval": "1s", "min_samples": 10},
        guardrails=[{"metric": "error_rate", "hard": "> 5%"}],
    )

    async def both() -> None:
        await world.gateways[0].serve("bot", 40)
        await world.gateways[0].serve("shop", 40, fails=lambda version: version == new)

    ended = await world.until(bad.id, "rolled_back", each=both, at_most=20)
    assert (ended.breach.trigger, world.weights("shop")) == ("hard_limit", {old: 10_000})
    still = await world.look(hanging.id)
    assert (still.phase, verdict_of(still).verdict) == ("progressing", "no_data")
    assert len(endpoint.seen) == 1  # it is asked again when it has answered or was given up


async def test_a_rule_compares_what_the_source_tells_of_each_variant(world, endpoint):
    endpoint.answers["/of/candidate"] = (200, {"value": 30})
    endpoint.answers["/of/stable"] = (200, {"value": 20})
    source = {"http": f"{endpoint.url}/of/{{variant}}"}
    _, _, submitted = await canary(world, endpoint, source=source, rule="candidate > stable * 1.2")
    ended = await world.until(submitted.id, "rolled_back", each=second(world))
    assert (verdict_of(ended).estimate, verdict_of(ended).stable_estimate) == (30, 20)


@pytest.mark.parametrize(
    ("guardrail", "sentence"),
    [
        ({"source": {"htp": "x"}}, r"guardrails\[0\]\.source: unknown source 'htp' \(did you mean 'http'"),
        ({"source": {"prometheus": "up"}}, "no Prometheus is configured"),
        ({"rule": "candidate > stable * 2", "hard": None}, "tells the same of every variant"),
    ],
)
async def test_what_no_source_can_tell_is_refused_when_it_is_submitted(world, endpoint, guardrail, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        await canary(world, endpoint, **{"hard": "> 95", **guardrail})
