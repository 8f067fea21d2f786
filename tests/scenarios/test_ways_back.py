"""Ways back and what stays of them: incidents, alerts, another try, and targets that are gone."""

from __future__ import annotations

import pytest
from tests.scenarios.surroundings import SURROUNDED, serve_all
from tests.scenarios.world import ALICE, World, cutoff

from tidegate.controller.intents import Actor
from tidegate.controller.reports.markdown import incident_page
from tidegate.delivery.alerts import FiredAlert
from tidegate.errors import ConflictError, InvalidInputError


@pytest.fixture
def world_settings():
    return SURROUNDED


async def roll_back(world: World) -> str:
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    await serve_all(world)
    world.gateways[0].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.until(submitted.id, "rolled_back")
    return submitted.id


async def test_an_incident_tells_the_way_back_instant_by_instant_and_takes_notes(world):
    release = await roll_back(world)
    (incident,) = await world.control.queries.incidents("bot")
    codes = [moment.code for moment in incident.timeline]
    assert codes == ["breach", "routing_written", "acknowledged", "acknowledged", "stable_everywhere", "drained"]
    assert [m.gateway for m in incident.timeline if m.code == "acknowledged"] == ["g", "gg"]
    assert [m.at for m in incident.timeline] == sorted(m.at for m in incident.timeline)
    assert incident.exposed_requests == incident.exposed_units == 120
    frozen = incident.evidence
    await world.control.operations.note_incident(incident.id, "The quota was too low.", actor=ALICE)
    (noted,) = await world.control.queries.incidents("bot")
    assert [(note.actor, note.text) for note in noted.notes] == [("alice", "The quota was too low.")]
    assert noted.evidence == frozen
    page = incident_page(noted, await world.look(release))
    for part in ("cut off", "g serves revision", "The quota was too low.", "120 requests, 120 units", "## Actions"):
        assert part in page


async def test_a_version_that_was_rolled_back_is_tried_again_only_with_a_reason_and_is_well_once_promoted(world):
    await roll_back(world)
    world.gateways[0].cutoffs = ()
    document = {"kind": "Release", "service": "bot", "version": "v1.1.0", "probe": {"requests": 1}}
    from tidegate.delivery.release_file import parse_release

    with pytest.raises(InvalidInputError) as caught:
        await world.control.operations.submit_release(parse_release(document), actor=ALICE)
    assert caught.value.code == "unstable_version"
    again = await world.release("bot", "v1.1.0", bake="2s")  # with a reason
    await world.until(again.id, "succeeded")
    targets = await world.control.queries.rollback_targets("bot")
    assert [(target.version.partition("-")[0], target.is_previous, target.gone) for target in targets.items] == [
        ("bot/v1.0.0", True, "")
    ]
    checklist = await world.control.queries.checklist(again.id)
    assert {item.what: item.standing for item in checklist.items}["It was not rolled back before"] == "done"


async def test_a_target_that_is_gone_is_shown_as_such_and_refused(world):
    from tidegate.registry.providers import delete_provider, put_provider

    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    await world.until(submitted.id, "succeeded")
    from tidegate.delivery.service import ProviderSpec

    third = await world.version("bot", "1.2.0", "other/model")
    async with world.control.state.write() as connection:
        spec = ProviderSpec(dialect="openai", base_url="http://127.0.0.1:1/v1")
        await put_provider(connection, "other", spec, actor="test", at=world.clock.now())
    await world.control.operations.routing_changed()
    another = await world.release("bot", "v1.2.0", bake="2s")
    await world.until(another.id, "succeeded")
    back = await world.control.operations.rollback("bot", actor=ALICE, reason="complaints")
    await world.until(back.id, "succeeded")
    async with world.control.state.write() as connection:
        await delete_provider(connection, "other", actor="test", at=world.clock.now())
    targets = {target.version: target for target in (await world.control.queries.rollback_targets("bot")).items}
    assert "not configured" in targets[third].gone
    assert targets[old].gone == ""
    with pytest.raises(ConflictError) as caught:
        await world.control.operations.rollback("bot", actor=ALICE, to="v1.2.0", reason="x")
    assert caught.value.code == "target_gone"
    assert await world.stable("bot") == new


async def test_an_alert_takes_a_release_back_once_and_opens_an_incident(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    fired = FiredAlert(
        status="firing",
        labels={"alertname": "Complaints", "tidegate_service": "bot"},
        starts_at=world.clock.now(),
    )
    for _ in range(2):  # Alertmanager repeats itself
        taken = await world.control.operations.take_alerts([fired], actor=Actor(name="alertmanager"))
        assert taken.items[0].release == submitted.id
    await world.until(submitted.id, "rolled_back")
    assert world.weights("bot") == {old: 10_000}
    (incident,) = await world.control.queries.incidents("bot")
    assert (incident.trigger, incident.summary) == ("alert", "An alert was raised: Complaints")
    again = await world.control.operations.take_alerts([fired], actor=Actor(name="alertmanager"))
    assert (again.items[0].release, again.items[0].ignored) == (None, "no release that it means is on its way")
