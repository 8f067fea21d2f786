"""Two control processes over one state: one leads, and the other may be told everything and take over."""

from __future__ import annotations

from datetime import timedelta

from tests.scenarios.world import ALICE, World

from tidegate.registry.observations import read_counts


async def read_counts_of(world: World, release: str) -> dict:
    async with world.control.observed.read() as connection:
        return (await read_counts(connection, [release]))[release]


async def test_two_control_processes_one_leads_and_the_other_takes_over_where_it_was(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    beside = world.new_control(is_sole=False)
    await beside.start(is_background=False)
    assert beside.leadership.epoch is None
    submitted = await world.release("bot", "v1.1.0", bake="20s")
    await world.until(submitted.id, "promoting.soaking")
    await beside.operations.command(submitted.id, "pause", actor=ALICE)  # whoever stands by takes commands
    await world.advance(1)
    assert (await world.look(submitted.id)).pause_reasons == ("manual",)
    await beside.operations.command(submitted.id, "resume", actor=ALICE, if_match=(await world.look(submitted.id)).etag)
    await world.advance(1)
    assert not await beside.controller.reconcile()
    await world.crash()
    world.clock.advance(timedelta(seconds=11))
    world.control = beside
    world.beat()
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new
    assert world.control.publisher.current.epoch == 2


async def test_what_comes_to_whoever_stands_by_counts_as_if_it_had_come_to_the_leader(world):
    """Batches go to the two in turn, some to both: the step is judged by all of them, once each."""
    await world.service("bot", "1.0.0", "1.1.0")
    beside = world.new_control(is_sole=False)
    await beside.start(is_background=False)
    leading = world.control
    steps = [{"split": "50%", "soak": "10s"}, {"split": "60%", "soak": "1h"}]
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": steps}},
        guardrails=[{"metric": "error_rate", "max_increase": "20%"}],
        analysis={"min_samples": 50},
    )
    await world.until(submitted.id, "progressing.soaking")
    sent = []
    for turn in range(8):
        for gateway in world.gateways:
            batch = gateway.observe("bot", 25)
            sent.append(batch)
            taking = (beside, leading)[turn % 2]
            assert await taking.store(batch)
            assert not await (leading, beside)[turn % 2].store(batch)
    counts = await read_counts_of(world, submitted.id)
    assert sum(counted.window.requests for counted in counts.values()) == sum(map(len, sent)) == 400
    assert sum(counted.early.requests for counted in counts.values()) == 0
    assert sum(counted.compared.units for counted in counts.values()) == 400
    await world.advance(12)
    seen = await world.look(submitted.id)
    assert (seen.step, seen.phase) == (1, "progressing"), [verdict.sentence for verdict in seen.verdicts]
    await beside.stop()
    await world.close_databases(beside)


async def test_reports_that_go_to_whoever_stands_by_keep_the_dead_mans_switch_still(world):
    await world.service("bot", "1.0.0", "1.1.0")
    beside = world.new_control(is_sole=False)
    await beside.start(is_background=False)
    submitted = await world.release("bot", "v1.1.0", bake="1h")
    await world.until(submitted.id, "promoting.soaking")
    for _ in range(8):
        for gateway in world.gateways:
            gateway.in_flight = {submitted.version: 1}
            await beside.store(gateway.observe("bot", 1))
        await long_pass(world, 100)
    assert (await world.look(submitted.id)).phase == "promoting"
    await beside.stop()
    await world.close_databases(beside)
    for _ in range(8):
        await long_pass(world, 100)  # and when nobody hears anything any more it acts
    assert (await world.look(submitted.id)).breach.trigger == "metrics_stale"


async def long_pass(world: World, seconds: float) -> None:
    world.clock.advance(timedelta(seconds=seconds))
    world.beat()
    await world.settle()
