"""Many releases at once: what goes wrong with one is no other's matter."""

import pytest
import sqlalchemy as sa

from tidegate.controller import loop
from tidegate.registry import schema


async def test_a_release_written_by_another_program_stops_nobody_else(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    await world.service("shop", "1.0.0", "1.1.0")
    foreign = await world.release("bot", "v1.1.0")
    await world.until(foreign.id, "promoting.soaking")
    async with world.control.state.write() as connection:
        change = sa.update(schema.releases).where(schema.releases.c.id == foreign.id)
        await connection.execute(change.values(spec='{"strategy": "from the future"}'))
    good = await world.release("shop", "v1.1.0", bake="1s")
    await world.until(good.id, "succeeded")
    assert world.weights("bot") == {old: 10_000}


@pytest.fixture
def world_settings():
    return {"gateways": 1}


async def test_a_breach_in_one_of_many_is_rolled_back_in_the_pass_that_sees_it(world, monkeypatch):
    names = [f"bot-{number}" for number in range(25)]
    submitted = {}
    for name in names:
        await world.service(name, "1.0.0", "1.1.0")
        submitted[name] = (await world.release(name, "v1.1.0", bake="1h")).id
    await world.until(submitted[names[-1]], "promoting.soaking")
    real = loop.commit_decision

    async def commit(connection, lead, case, decision, **options):
        if case.row.service == names[0]:
            raise OSError("cannot be written")
        return await real(connection, lead, case, decision, **options)

    monkeypatch.setattr(loop, "commit_decision", commit)
    for name in (names[0], names[13]):
        await world.gateways[0].serve(name, 100, lambda version: "v1.1.0" in version)
    await world.advance(1)
    assert list(world.weights(names[13]).values()) == [10_000]
    assert (await world.look(submitted[names[0]])).phase == "promoting"
    monkeypatch.undo()
    await world.advance(1)
    assert list(world.weights(names[0]).values()) == [10_000]
    untouched = [await world.look(submitted[name]) for name in names if name not in {names[0], names[13]}]
    assert {view.phase for view in untouched} == {"promoting"}
