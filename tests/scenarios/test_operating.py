"""What people do with releases: abort, roll back, pause, freeze — and twice, and at the same time."""

import asyncio

import pytest
from tests.scenarios.world import ALICE, BOB

from tidegate.controller.operations import Idempotency
from tidegate.delivery.release_file import parse_release
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError


@pytest.mark.parametrize(
    ("place", "ends"),
    [
        ("pending", "rejected"),
        ("gating", "rejected"),
        ("promoting.applying", "rolled_back"),
        ("promoting.verifying", "rolled_back"),
        ("promoting.soaking", "rolled_back"),
        ("draining", "rolled_back"),
        ("rolling_back", "rolled_back"),
        ("succeeded", "succeeded"),
    ],
)
async def test_abort_or_rollback_in_every_phase(world, place, ends):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    if place == "rolling_back":
        await world.until(submitted.id, "promoting.soaking")
        world.gateways[0].in_flight = {new: 1}
        await world.control.operations.command(submitted.id, "abort", actor=BOB)
    elif place in {"draining", "succeeded"}:
        await world.until(submitted.id, "promoting.soaking")
        world.gateways[0].in_flight = {old: 1} if place == "draining" else {}
        await world.until(submitted.id, place)
    elif place != "pending":
        if place == "promoting.verifying":
            world.gateways[0].refuses = lambda snapshot: any(
                arm.weight for arm in snapshot.services["bot"].variants[1:]
            )
        await world.step_until(submitted.id, place)
    kind = "rollback" if place == "draining" else "abort"
    for _ in range(2):  # idempotent
        await world.control.operations.command(submitted.id, kind, actor=ALICE, reason="enough")
    await world.settle()
    kept = new if place == "succeeded" else old
    assert world.weights("bot").get(kept) == 10_000
    world.gateways[0].in_flight = {}
    await world.until(submitted.id, ends)
    assert await world.stable("bot") == kept
    assert await world.control.queries.incidents() == []
    assert await world.is_audit_whole()


async def test_rollback_after_success_is_a_new_direct_release_to_the_version_before(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    await world.until(submitted.id, "succeeded")
    back = await world.control.operations.rollback("bot", actor=ALICE, reason="it sulks")
    again = await world.control.operations.rollback("bot", actor=BOB)
    assert back.id == again.id != submitted.id
    await world.until(back.id, "promoting.soaking")
    assert (await world.control.operations.rollback("bot", actor=BOB)).id == back.id
    await world.until(back.id, "succeeded")
    assert await world.stable("bot") == old
    assert (await world.look(submitted.id)).phase == "succeeded"
    forth = await world.control.operations.rollback("bot", actor=ALICE)
    await world.until(forth.id, "succeeded")
    assert await world.stable("bot") == new


async def test_rollback_to_any_earlier_version(world):
    first, _second, _third = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    for number in ("v1.1.0", "v1.2.0"):
        submitted = await world.release("bot", number, bake="1s")
        await world.until(submitted.id, "succeeded")
    back = await world.control.operations.rollback("bot", to="v1.0.0", actor=ALICE, reason="further")
    await world.until(back.id, "succeeded")
    assert await world.stable("bot") == first


async def test_rollback_of_a_service_without_a_past_says_so(world):
    await world.service("bot", "1.0.0")
    with pytest.raises(ConflictError, match="no version before"):
        await world.control.operations.rollback("bot", actor=ALICE)
    with pytest.raises(NotFoundError):
        await world.control.operations.rollback("bot", to="v9.9.9", actor=ALICE)


async def test_rollback_during_a_release_ends_it(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    answer = await world.control.operations.rollback("bot", actor=ALICE, reason="no")
    assert answer.id == submitted.id
    await world.settle()
    assert world.weights("bot") == {old: 10_000}
    await world.until(submitted.id, "rolled_back")


async def test_a_replayed_idempotency_key_submits_once(world):
    await world.service("bot", "1.0.0", "1.1.0")
    key = Idempotency(key="k1", digest="d1")
    operations = world.control.operations
    asked = parse_release({"service": "bot", "version": "v1.1.0"})
    first = await operations.submit_release(asked, actor=ALICE, idempotency=key)
    second = await operations.submit_release(asked, actor=ALICE, idempotency=key)
    assert first == second
    assert len(await world.control.queries.history("bot")) == 1
    with pytest.raises(ConflictError, match="another request"):
        await operations.submit_release(asked, actor=ALICE, idempotency=Idempotency(key="k1", digest="d2"))


async def test_the_same_version_twice_is_refused_while_it_is_on_trial(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    with pytest.raises(ConflictError, match=submitted.id):
        await world.release("bot", "v1.1.0")


async def test_two_operators_promoting_what_only_one_of_them_saw(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "promoting.soaking")
    command = world.control.operations.command
    await command(submitted.id, "pause", actor=ALICE, reason="look")
    await world.settle()
    seen = (await world.look(submitted.id)).etag
    await command(submitted.id, "resume", actor=ALICE, if_match=seen)
    await world.settle()
    with pytest.raises(PreconditionError):
        await command(submitted.id, "resume", actor=BOB, if_match=seen)
    with pytest.raises(InvalidInputError, match="etag"):
        await command(submitted.id, "promote", actor=BOB)


async def test_what_was_seen_stays_valid_while_only_evidence_comes_in(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="60s")
    seen = (await world.until(submitted.id, "promoting.soaking")).etag
    await world.advance(10, lambda: world.gateways[0].serve("bot", 10))
    view = await world.look(submitted.id)
    assert view.samples == 100
    assert view.etag == seen


async def test_promote_and_abort_at_the_same_moment_end_in_an_abort(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    seen = (await world.until(submitted.id, "promoting.soaking")).etag
    command = world.control.operations.command
    await asyncio.gather(
        command(submitted.id, "promote", actor=ALICE, if_match=seen, full=True),
        command(submitted.id, "abort", actor=BOB),
    )
    await world.until(submitted.id, "rolled_back")
    assert await world.stable("bot") == old


async def test_a_pause_stops_the_soak_clock_and_rollback_rules_stay_armed(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="10s")
    await world.until(submitted.id, "promoting.soaking")
    await world.control.operations.command(submitted.id, "pause", actor=ALICE)
    await world.advance(20)
    assert (await world.look(submitted.id)).pause_reasons == ("manual",)
    await world.gateways[0].serve("bot", 200, lambda version: version == new)
    await world.advance(1)
    assert world.weights("bot") == {old: 10_000}
    await world.until(submitted.id, "rolled_back")


async def test_a_freeze_sends_everything_to_stable_until_it_is_lifted(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "promoting.soaking")
    assert await world.control.operations.freeze("*", actor=ALICE, reason="black friday")
    assert world.weights("bot") == {old: 10_000}
    await world.advance(20)
    frozen = await world.look(submitted.id)
    assert (frozen.phase, frozen.pause_reasons, frozen.weights) == ("promoting", ("freeze",), {old: 10_000, new: 0})
    assert (await world.control.queries.status("bot")).freeze.reason == "black friday"
    assert await world.control.operations.unfreeze("*", actor=ALICE, reason="over")
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new


async def test_a_release_submitted_during_a_freeze_waits(world):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.control.operations.freeze("bot", actor=ALICE, reason="audit")
    submitted = await world.release("bot", "v1.1.0", bake="1s")
    await world.advance(5)
    assert (await world.look(submitted.id)).phase == "pending"
    await world.control.operations.unfreeze("bot", actor=ALICE, reason="over")
    await world.until(submitted.id, "succeeded")


async def test_commands_that_come_too_late_or_mean_nothing_are_refused(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="1s")
    await world.until(submitted.id, "succeeded")
    command = world.control.operations.command
    with pytest.raises(ConflictError, match="ended"):
        await command(submitted.id, "pause", actor=ALICE)
    with pytest.raises(InvalidInputError, match="known are"):
        await command(submitted.id, "explode", actor=ALICE)
    with pytest.raises(NotFoundError, match="rel_nope"):
        await command("rel_nope", "abort", actor=ALICE)
    with pytest.raises(NotFoundError):
        await world.release("nobody", "v1.0.0")
