"""A direct release from its submission to its end, the good way and the bad ways."""

from datetime import timedelta

from tests.scenarios.world import ALICE, cutoff, weights_over_time


async def test_a_good_version_is_probed_baked_committed_and_succeeds(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="30s")
    assert (submitted.phase, submitted.version, submitted.stable) == ("pending", new, old)
    baking = await world.until(submitted.id, "promoting.soaking")
    assert world.probed == [new, new]
    assert world.weights("bot") == {old: 0, new: 10_000}
    assert await world.stable("bot") == old
    await world.advance(29)
    assert (await world.look(submitted.id)).phase == "promoting"
    ended = await world.until(submitted.id, "succeeded", at_most=5)
    assert await world.stable("bot") == new
    assert world.weights("bot") == {new: 10_000}
    assert ended.weights == {old: 0, new: 10_000}
    assert baking.weights == {old: 0, new: 10_000}
    status = await world.control.queries.status("bot")
    assert (status.previous_stable, status.release.id) == (old, submitted.id)
    assert await world.is_audit_whole()


async def test_the_first_version_of_a_service_needs_no_stable(world):
    (first,) = await world.service("bot", "1.0.0", stable=False)
    assert world.weights("bot") == {}
    submitted = await world.release("bot", "v1.0.0", bake="2s")
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == first
    assert world.weights("bot") == {first: 10_000}


async def test_a_version_that_fails_its_probe_is_rejected_and_no_traffic_ever_moved(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    world.broken.add(new)
    seen, look = weights_over_time(world, "bot", new)
    submitted = await world.release("bot", "v1.1.0")
    rejected = await world.until(submitted.id, "rejected", each=look)
    await world.advance(5, look)
    assert set(seen) == {0}
    assert "500" in rejected.breach.sentence
    assert not rejected.breach.is_automatic
    assert await world.stable("bot") == old
    assert await world.control.queries.incidents() == []
    explained = await world.control.queries.explain(submitted.id)
    probed = next(event for event in explained.events if event.code == "probed")
    assert probed.detail["answers"][0]["status"] == 500
    assert "the model is broken" in probed.detail["answers"][0]["excerpt"]


async def test_a_smoke_request_whose_expectation_fails_rejects_too(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    smoke = [{"messages": [{"role": "user", "content": "ping"}], "expect": {"contains": "pong"}}]
    submitted = await world.release("bot", "v1.1.0", probe={"requests": 1, "smoke": smoke})
    rejected = await world.until(submitted.id, "rejected")
    assert "pong" in rejected.breach.sentence
    assert world.probed == [new, new]


async def test_a_version_that_breaks_during_the_bake_is_rolled_back_with_an_incident(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="60s")
    await world.until(submitted.id, "promoting.soaking")
    gateway = world.gateways[0]
    assert await gateway.serve("bot", 200, lambda version: version == new) == {new: 200}
    await world.advance(1)
    assert world.weights("bot") == {old: 10_000}
    ended = await world.until(submitted.id, "rolled_back", at_most=10)
    assert await world.stable("bot") == old
    (incident,) = await world.control.queries.incidents()
    assert (incident.release, incident.trigger, incident.exposed_requests) == (submitted.id, "hard_limit", 200)
    assert incident.closed_at is not None
    assert 0 <= incident.time_to_stable_seconds < 5
    assert incident.evidence["verdicts"][0]["events"] == 200
    assert ended.breach.is_automatic
    assert ended.verdict == "fail"
    codes = await world.codes(submitted.id)
    assert codes.index("hard_limit") < codes.index("stable_restored")


async def test_the_incident_knows_its_time_to_stable_while_requests_are_still_under_way(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].in_flight = {new: 1}
    await world.gateways[0].serve("bot", 200, lambda version: version == new)
    await world.advance(3)
    assert (await world.look(submitted.id)).phase == "rolling_back"
    (incident,) = await world.control.queries.incidents("bot")
    assert incident.closed_at is None
    assert 0 <= incident.time_to_stable_seconds <= 1


async def test_a_cut_off_by_one_gateway_rolls_back(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[1].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.until(submitted.id, "rolled_back", at_most=10)
    assert world.weights("bot") == {old: 10_000}
    assert (await world.control.queries.incidents())[0].trigger == "cut_off"


async def test_a_provider_that_is_not_configured_rejects_without_traffic(world):
    await world.service("bot", "1.0.0")
    await world.version("bot", "2.0.0", model="nobody/model")
    submitted = await world.release("bot", "v2.0.0")
    rejected = await world.until(submitted.id, "rejected")
    assert "nobody" in rejected.breach.sentence
    assert world.probed == []


async def test_no_traffic_during_the_bake_promotes_with_a_note(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "succeeded")
    assert "promoted_without_data" in await world.codes(submitted.id)


async def test_good_traffic_during_the_bake_is_what_promotes(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="20s")
    await world.until(submitted.id, "promoting.soaking")
    await world.advance(20, lambda: world.gateways[0].serve("bot", 20))
    ended = await world.until(submitted.id, "succeeded", at_most=5)
    assert "promoted" in await world.codes(submitted.id)
    assert ended.verdict == "pass"
    assert ended.exposed_requests >= 380
    assert await world.stable("bot") == new


async def test_a_rollback_waits_for_requests_under_way_but_moves_traffic_at_once(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].in_flight = {new: 1}
    await world.advance(1)
    await world.control.operations.command(submitted.id, "abort", actor=ALICE, reason="no")
    await world.settle()
    assert world.weights("bot") == {old: 10_000}
    assert (await world.look(submitted.id)).phase == "rolling_back"
    await world.advance(30)
    assert (await world.look(submitted.id)).phase == "rolling_back"
    world.gateways[0].in_flight = {}
    assert (await world.until(submitted.id, "rolled_back", at_most=3)).phase == "rolled_back"
    assert await world.control.queries.incidents() == []


async def test_a_nine_minute_stream_ends_draining_by_its_deadline(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].in_flight = {new: 1}
    await world.control.operations.command(submitted.id, "abort", actor=ALICE, reason="no")
    await world.settle()
    world.clock.advance(timedelta(seconds=299))
    world.beat()
    assert (await world.until(submitted.id, "rolling_back")).breach.trigger == "aborted"
    await world.until(submitted.id, "rolled_back", at_most=2)
    assert "drain_timeout" in await world.codes(submitted.id)
