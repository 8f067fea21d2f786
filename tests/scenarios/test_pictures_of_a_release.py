"""What the pictures of a release rest on: its program, the growth of its evidence, and traffic by version."""

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.scenarios.test_canary_release import canary, users


async def test_a_promoted_canary_has_done_every_step_in_order(world):
    _, _, submitted = await canary(world)
    await world.until(submitted.id, "progressing.soaking", each=users(world))
    steps = (await world.control.queries.program(submitted.id)).steps
    assert [step.state for step in steps] == ["done", "now", "next", "next", "next", "next"]
    assert [step.weight for step in steps] == [0, 500, 2_500, 5_000, 10_000, 10_000]
    expected = [step.expected_at for step in steps[2:]]
    assert all(earlier < later for earlier, later in pairwise(expected))
    await world.until(submitted.id, "succeeded", each=users(world))
    steps = (await world.control.queries.program(submitted.id)).steps
    assert {step.state for step in steps} == {"done"}
    assert all(step.ended_at >= step.began_at for step in steps)
    assert [step.began_at for step in steps[1:]] == [step.ended_at for step in steps[:-1]]


async def test_a_rolled_back_canary_skips_what_was_to_come_and_keeps_its_evidence(world):
    old, new, submitted = await canary(world, guardrails=[{"metric": "error_rate", "max_increase": "2%"}])
    await world.until(submitted.id, "rolled_back", each=users(world, fails=lambda version: version == new))
    steps = (await world.control.queries.program(submitted.id)).steps
    assert [step.state for step in steps] == ["done", "done", "skipped", "skipped", "skipped", "skipped"]
    await world.control.chronicle.write()
    metrics = (await world.control.traffic.evidence(submitted.id, 1)).metrics
    (history,) = [each for each in metrics if each.metric == "error_rate"]
    assert history.is_comparison
    assert history.points[-1].verdict == "fail"
    assert history.points[-1].effect_lower > history.limit
    assert [point.at for point in history.points] == sorted(point.at for point in history.points)
    traffic = await world.control.traffic.over_time("bot", last=timedelta(minutes=5))
    by_version = {series.version: sum(point.requests for point in series.points) for series in traffic.series}
    assert 0 < by_version[new] < by_version[old]
    assert by_version[new] == (await world.look(submitted.id)).exposed_requests


async def test_evidence_that_cannot_be_written_yet_is_written_later(world, monkeypatch):
    _, new, submitted = await canary(world, guardrails=[{"metric": "error_rate", "max_increase": "2%"}])
    await world.until(submitted.id, "rolled_back", each=users(world, fails=lambda version: version == new))

    async def refuse(_change):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(world.control.observed, "transact", refuse)
        with pytest.raises(OSError, match="full"):
            await world.control.chronicle.write()
    assert (await world.control.traffic.evidence(submitted.id, 1)).metrics == ()
    await world.control.chronicle.write()
    assert (await world.control.traffic.evidence(submitted.id, 1)).metrics != ()
