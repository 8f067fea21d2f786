"""A version that no longer behaves as on its first day is rolled back; one in its first day is not judged by it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation
from tests.scenarios.world import START, World

from tidegate.errors import InvalidInputError

GUARDRAILS = [{"metric": "drift:output_tokens", "hard": "> 0.25"}, {"metric": "error_rate", "hard": "> 50%"}]


async def canary(world: World, soak: str = "10s"):
    steps = [{"split": "50%", "soak": soak}]
    return await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": steps, "promote": {"bake": "5s", "keep_warm": "0s"}}},
        analysis={"interval": "1s", "min_samples": 10, "max_extensions": 0, "on_no_data": "pause"},
        guardrails=GUARDRAILS,
    )


async def answers(world: World, version: str, at: datetime, median: int, count: int = 1_000) -> None:
    """What the version answered in the hour from ``at``."""
    chance = random.Random(median)
    rows = [
        observation(
            request_id=f"req_{at:%d%H}_{number}",
            started_at_us=int(at.timestamp() * 1e6) + number * 3_000_000,
            version=version,
            output_tokens=max(1, round(median * chance.lognormvariate(0, 0.6))),
        )
        for number in range(count)
    ]
    await world.control.store(batch(rows, sequence=int(at.timestamp())))


def second(world: World):
    async def pass_by() -> None:
        await world.gateways[0].serve("bot", 40)
        await world.control.measurer.settle()

    return pass_by


async def test_answers_twice_as_long_as_on_the_first_day_roll_back(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    await answers(world, new, START, median=100)
    await answers(world, new, START + timedelta(days=9), median=200)
    world.clock.advance(timedelta(days=9, hours=2))
    world.beat()
    submitted = await canary(world)
    ended = await world.until(submitted.id, "rolled_back", each=second(world))
    assert world.weights("bot") == {old: 10_000}
    assert ended.breach.trigger == "guardrail"
    assert "drift:output_tokens is" in ended.breach.sentence
    assert "'value > 0.25' held" in ended.breach.sentence


async def test_in_its_first_day_a_version_has_no_data_and_the_release_waits(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await canary(world)
    await world.advance(25, each=second(world))
    view = await world.look(submitted.id)
    assert (view.phase, view.pause_reasons) == ("progressing", ("no_data",))
    verdict = next(verdict for verdict in view.verdicts if verdict.metric == "drift:output_tokens")
    assert verdict.verdict == "no_data"
    assert "its first day, which it is compared with, lasts until" in verdict.sentence


async def test_a_misspelt_signal_is_refused_with_the_known_ones(world):
    await world.service("bot", "1.0.0", "1.1.0")
    wrong = [{"metric": "drift:output_token", "hard": "> 0.25"}]
    with pytest.raises(InvalidInputError, match=r"did you mean 'drift:output_tokens'"):
        await world.release("bot", "v1.1.0", strategy="canary", guardrails=wrong)
