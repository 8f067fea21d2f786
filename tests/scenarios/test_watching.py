"""What people see while a release goes on: events, its end, who would get what, and who serves it."""

import asyncio
from datetime import timedelta

import pytest
from tests.scenarios.world import ALICE, World

from tidegate.controller.route_explaining import AskedRoute
from tidegate.errors import NotFoundError


async def test_events_are_told_in_order_and_end_with_the_release(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")

    async def listen() -> list[str]:
        return [event.code async for event in world.control.queries.events(submitted.id)]

    listening = asyncio.create_task(listen())
    await world.until(submitted.id, "succeeded")
    told = await listening
    assert told == await world.codes(submitted.id)
    assert told[0] == "submitted"
    assert told[-1] == "drained"


async def test_waiting_ends_when_the_release_is_promoted_or_held(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    waiting = asyncio.create_task(world.control.queries.wait(submitted.id, at_most=timedelta(seconds=20)))
    await world.until(submitted.id, "promoting.soaking")
    await world.control.operations.command(submitted.id, "pause", actor=ALICE)
    await world.settle()
    paused = await waiting
    assert paused.pause_reasons == ("manual",)
    early = await world.control.queries.wait(submitted.id, at_most=timedelta(seconds=0))
    assert early.phase == "promoting"


async def test_explain_route_says_who_would_get_what(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    explained = world.control.queries.explain_route("bot", AskedRoute(user="ann"))
    assert (explained.version, explained.unit, explained.propensity) == (old, "ann", 10_000)
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    explained = world.control.queries.explain_route("bot", AskedRoute(user="ann"))
    assert (explained.version, explained.release) == (new, submitted.id)
    await world.service("empty", stable=False)
    assert "no version" in world.control.queries.explain_route("empty", AskedRoute()).sentence
    with pytest.raises(NotFoundError):
        world.control.queries.explain_route("nobody", AskedRoute())


async def test_gateways_are_shown_with_what_they_serve(world):
    await world.service("bot", "1.0.0")
    world.gateways[1].refuses = lambda _: True
    await world.service("shop", "1.0.0")
    first, second = world.control.queries.gateways()
    assert (first.is_current, second.is_current) == (True, False)
    assert first.is_live
    assert second.is_live


async def test_a_release_that_no_gateway_can_probe_says_so(tmp_path):
    world = await World.create(tmp_path, gateways=0)
    try:
        await world.service("bot", "1.0.0", stable=False)
        view = await world.release("bot", "v1.0.0")
        await world.advance(3)
        told = await world.control.queries.explain(view.id)
        assert any("No gateway is connected to control" in sentence for sentence in told.summary)
    finally:
        await world.close()
