"""Releases by a unit that no caller names, once that is known."""

from __future__ import annotations

import msgspec
import pytest
from tests.fakes.observations import batch, observation
from tests.scenarios.world import ALICE

from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError

SPLIT = {"canary": {"steps": [{"split": "20%", "soak": "10s"}]}}
ARMS = {"control": "@stable", "new": "v1.1.0"}


def unnamed(count: int) -> list:
    return [
        observation(request_id=f"req_{n}", unit_hash=n, has_own_unit=True, propensity=10_000, started_at_us=n)
        for n in range(count)
    ]


async def test_a_unit_that_no_caller_names_is_refused_once_that_is_known(world):
    await world.service("bot", "1.0.0", "1.1.0")
    asked = {"strategy": SPLIT, "assignment": {"unit": "conversation"}}
    await world.control.store(batch(unnamed(99), 1))
    early = await world.release("bot", "v1.1.0", **asked)  # too few requests to tell anything
    await world.control.operations.command(early.id, "abort", actor=ALICE)
    await world.until(early.id, "rejected", "rolled_back")
    await world.control.store(batch(unnamed(100), 2))
    with pytest.raises(InvalidInputError, match="names a conversation") as caught:
        await world.release("bot", "v1.1.0", **asked)
    assert caught.value.code == "unnamed_units"
    assert "metadata.conversation_id" in caught.value.remedy
    await world.control.store(batch([msgspec.structs.replace(unnamed(1)[0], has_own_unit=False)], 3))
    assert (await world.release("bot", "v1.1.0", **asked)).phase == "pending"  # somebody does


@pytest.mark.parametrize(
    ("asked", "unit"),
    [
        ({"strategy": "ab_test", "objectives": [{"metric": "cost_per_request"}], "variants": ARMS}, "user"),
        ({"strategy": "bandit", "objectives": [{"metric": "cost_per_request"}], "variants": ARMS}, "user"),
        ({"strategy": {"interleave": {"mode": "turn"}}, "version": "v1.1.0"}, "conversation"),
    ],
)
async def test_an_experiment_on_units_that_nobody_names_is_refused(world, asked, unit):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.control.store(batch(unnamed(100), 1))
    spec = parse_release({"service": "bot", **asked})
    with pytest.raises(InvalidInputError, match=f"names a {unit}"):
        await world.control.operations.submit_release(spec, actor=ALICE)
    spec = parse_release(
        {
            "service": "bot",
            **asked,
            "strategy": {"interleave": {}},
            "objectives": [],
            "variants": {},
            "version": "v1.1.0",
        }
    )
    assert (await world.control.operations.submit_release(spec, actor=ALICE)).phase == "pending"  # both answers to each
