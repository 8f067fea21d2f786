"""Releases of one service that follow, wait for, replace or undo each other."""

from datetime import timedelta

import pytest
from tests.scenarios.world import ALICE

from tidegate.errors import ConflictError, InvalidInputError


async def test_a_queued_release_waits_for_the_running_one(world):
    _, _, third = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    first = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(first.id, "promoting.soaking")
    second = await world.release("bot", "v1.2.0", bake="1s")
    await world.settle()
    assert (await world.look(second.id)).phase == "pending"
    assert (await world.control.queries.status("bot")).waiting == (second.id,)
    await world.until(second.id, "succeeded")
    assert (await world.look(first.id)).phase == "succeeded"
    assert await world.stable("bot") == third


async def test_a_superseding_release_takes_the_place_of_the_running_one(world):
    _, second, third = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    first = await world.release("bot", "v1.1.0", bake="60s")
    await world.until(first.id, "promoting.soaking")
    newer = await world.release("bot", "v1.2.0", bake="1s", when_running="supersede")
    await world.until(newer.id, "succeeded")
    assert (await world.look(first.id)).phase == "superseded"
    assert await world.stable("bot") == third
    assert second not in world.weights("bot")


async def test_what_waits_in_the_queue_does_not_follow_a_superseding_release(world):
    old, *_ = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    first = await world.release("bot", "v1.1.0", bake="1s")
    await world.until(first.id, "succeeded")
    await world.control.operations.freeze("bot", actor=ALICE, reason="wait")
    queued = await world.release("bot", "v1.2.0", bake="1s")
    back = await world.control.operations.rollback("bot", actor=ALICE, reason="it sulks")
    await world.control.operations.unfreeze("bot", actor=ALICE, reason="go")
    await world.until(back.id, "succeeded")
    assert (await world.look(queued.id)).phase == "rejected"
    assert await world.stable("bot") == old


async def test_a_release_that_wants_no_other_beside_it_is_refused(world):
    await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    first = await world.release("bot", "v1.1.0")
    with pytest.raises(ConflictError, match=first.id):
        await world.release("bot", "v1.2.0", when_running="reject")


async def test_there_and_back_again(world):
    a, b = await world.service("bot", "1.0.0", "1.1.0")
    for number in ("v1.1.0", "v1.0.0", "v1.1.0"):
        submitted = await world.release("bot", number, bake="1s")
        await world.until(submitted.id, "succeeded")
    status = await world.control.queries.status("bot")
    assert (status.stable, status.previous_stable) == (b, a)
    assert [view.phase for view in await world.control.queries.history("bot")] == ["succeeded"] * 3


async def test_submitting_the_stable_version_ends_the_running_release(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    assert (await world.release("bot", "v1.0.0")).id == submitted.id
    await world.until(submitted.id, "rolled_back")
    assert await world.stable("bot") == old
    with pytest.raises(ConflictError, match="stable version already"):
        await world.release("bot", "v1.0.0")


async def test_a_retry_is_another_attempt_with_fresh_verdicts_after_the_cooldown(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s", rollback={"cooldown": "1h"})
    await world.until(submitted.id, "promoting.soaking")
    await world.gateways[0].serve("bot", 200, lambda version: version == new)
    await world.until(submitted.id, "rolled_back")
    with pytest.raises(InvalidInputError, match="reason"):
        await world.control.operations.command(submitted.id, "retry", actor=ALICE)
    await world.control.operations.command(submitted.id, "retry", actor=ALICE, reason="the cache was cold")
    await world.advance(3)
    waiting = await world.look(submitted.id)
    assert (waiting.phase, waiting.attempt, waiting.verdict) == ("pending", 2, None)
    world.clock.advance(timedelta(hours=1))
    world.beat()
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new


async def test_the_same_content_submitted_anew_waits_for_the_cooldown_too(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    first = await world.release("bot", "v1.1.0", rollback={"cooldown": "10m"})
    await world.until(first.id, "promoting.soaking")
    await world.gateways[0].serve("bot", 200, lambda version: version == new)
    ended = await world.until(first.id, "rolled_back")
    second = await world.release("bot", "v1.1.0", bake="1s")
    assert second.not_before_at == ended.ended_at + timedelta(minutes=10)
    await world.advance(5)
    assert (await world.look(second.id)).phase == "pending"
