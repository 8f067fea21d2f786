"""What surrounds a release: gates, approvals, notifications, incidents, alerts, ways back, and what is told of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import msgspec
import pytest
from tests.scenarios.world import ALICE, World, cutoff

from tidegate.controller.operations import Actor
from tidegate.controller.programs import ProgramSettings
from tidegate.controller.reports.markdown import incident_page, report_page
from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.alerts import FiredAlert
from tidegate.delivery.notifying import SinkSettings
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.versions import get_version

PROGRAMS = ProgramSettings(is_enabled=True, environment={"PATH": os.defpath})
SINKS = (SinkSettings(name="hook", webhook="https://hooks.example/", secret="s3cret"),)
ALERTS = AlertSettings(enabled=True)
MANAGER = Actor(name="mary", roles=("approver", "release-manager"))
APPROVED = {
    "canary": {
        "steps": [
            {"split": "20%", "soak": "5s"},
            {"approve": "release-manager", "timeout": "1h"},
            {"split": "50%", "soak": "5s"},
        ]
    }
}
LOOSE = {"on_no_data": "promote", "min_samples": 1}


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path, programs=PROGRAMS, sinks=SINKS, alerts=ALERTS)
    yield made
    await made.close()


def python(code: str) -> str:
    return f'"{sys.executable}" -c "{code}"'


async def deliver(world: World) -> list[dict]:
    """Let the notifier work, and give what the hook was told."""
    await world.control.notifier.deliver_due("hook")
    return [msgspec.json.decode(request.content) for request in world.told if request.url.host == "hooks.example"]


# Gates --------------------------------------------------------------------------------------------------------


async def test_a_release_whose_gates_pass_goes_on_and_shows_what_they_said(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    world.outside = lambda _: httpx2.Response(200, json={"score": 0.9, "n": 200})
    gates = [
        {"command": python("print(dict(score=1))"), "name": "smoke"},
        {"http": "https://eval.example/run", "score": ">= 0.82", "min_samples": 100},
    ]
    submitted = await world.release("bot", "v1.1.0", bake="2s", gates=gates)
    await world.until(submitted.id, "succeeded")
    told = await world.look(submitted.id)
    assert [(gate.name, gate.verdict, gate.score) for gate in told.gates] == [
        ("smoke", "pass", None),
        ("http gate 2", "pass", 0.9),
    ]
    assert await world.stable("bot") == new
    assert (await world.codes(submitted.id)).count("gate_passed") == 2
    assert msgspec.json.decode(world.told[0].content)["version"] == new


@pytest.mark.parametrize(
    ("score", "code"), [("print(1)", "gate_without_score"), ("import sys; sys.exit(2)", "gate_failed")]
)
async def test_a_gate_that_does_not_pass_rejects_and_no_user_was_served(world, score, code):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    gates = [{"command": python(score), "score": ">= 0.5"}]
    submitted = await world.release("bot", "v1.1.0", gates=gates)
    await world.until(submitted.id, "rejected")
    assert (await world.look(submitted.id)).gates[0].code == code
    assert world.weights("bot") == {old: 10_000}
    assert world.probed == []  # nothing was spent on warming it up


async def test_an_abort_ends_the_program_that_a_gate_runs(world, tmp_path):
    await world.service("bot", "1.0.0", "1.1.0")
    marker = tmp_path / "running"
    code = f"import time; open('{marker}', 'w').close(); time.sleep(600)"
    submitted = await world.release("bot", "v1.1.0", gates=[{"command": python(code)}])
    for _ in range(8):  # no settling: the gate does not end by itself
        await world.control.controller.reconcile()
        world.beat()
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while not marker.exists():
            await asyncio.sleep(0.01)
    await world.control.operations.command(submitted.id, "abort", actor=ALICE)
    await world.settle()  # would wait for ever for a program that was left running
    assert (await world.look(submitted.id)).phase == "rejected"


async def test_a_crash_while_gates_are_asked_asks_only_what_was_not_answered(world, tmp_path):
    await world.service("bot", "1.0.0", "1.1.0")
    asked = tmp_path / "asked"
    code = f"import sys; open('{asked}', 'a').write(sys.argv[1])"
    gates = [{"command": f"{python(code)} a"}, {"command": f"{python(code)} b"}]
    submitted = await world.release("bot", "v1.1.0", bake="2s", gates=gates)
    for _ in range(40):
        if len((await world.look(submitted.id)).gates) and (await world.look(submitted.id)).gates[0].verdict:
            break
        await world.control.controller.reconcile()
        await world.control.effects.settle()
        world.beat()
    await world.restart()
    await world.until(submitted.id, "succeeded")
    assert asked.read_text().count("a") == 1
    assert asked.read_text().count("b") >= 1


async def test_where_programs_are_not_enabled_a_release_that_names_one_is_refused(tmp_path):
    world = await World.create(tmp_path)
    await world.service("bot", "1.0.0", "1.1.0")
    with pytest.raises(InvalidInputError) as caught:
        await world.release("bot", "v1.1.0", gates=[{"command": "true"}])
    assert caught.value.code == "commands_disabled"
    await world.close()


async def test_a_gate_that_hangs_delays_no_other_release(world):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.service("shop", "1.0.0", "1.1.0")
    hanging = asyncio.Event()

    class Hanging:
        async def ask(self, question):
            await hanging.wait()

    world.control.effects._gates._kinds["http"] = Hanging()
    stuck = await world.release("bot", "v1.1.0", gates=[{"http": "https://eval.example/"}])
    good = await world.release("shop", "v1.1.0", bake="1s")
    for _ in range(60):
        await world.control.controller.reconcile()
        await asyncio.gather(*world.control.effects._running.values())
        world.beat()
        if (await world.look(good.id)).phase == "succeeded":
            break
        world.clock.advance(timedelta(seconds=0.5))
    assert (await world.look(good.id)).phase == "succeeded"
    assert (await world.look(stuck.id)).phase == "gating"
    await world.control.effects._gates.stop()


# Approvals ----------------------------------------------------------------------------------------------------


async def serve_all(world: World) -> None:
    for gateway in world.gateways:
        await gateway.serve("bot", 60)


async def test_an_approval_is_recorded_with_who_gave_it_and_in_which_role(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", strategy=APPROVED, analysis=LOOSE)
    await world.until(submitted.id, "progressing.waiting", each=lambda: serve_all(world))
    refused = Actor(name="eve", roles=("approver",))
    await world.control.operations.command(submitted.id, "approve", actor=refused)
    await world.settle()
    assert (await world.look(submitted.id)).sub_phase == "waiting"
    assert "role_missing" in await world.codes(submitted.id)
    await world.control.operations.command(submitted.id, "approve", actor=MANAGER, reason="numbers look good")
    await world.settle()
    (approval,) = (await world.look(submitted.id)).approvals
    assert (approval.actor, approval.role, approval.reason) == ("mary", "release-manager", "numbers look good")
    assert "awaiting_approval" in [told["event"] for told in await deliver(world)]


@pytest.mark.parametrize(("policy", "phase"), [("rollback", "rolled_back"), ("pause", "progressing")])
async def test_an_approval_that_does_not_come_in_time(world, policy, phase):
    await world.service("bot", "1.0.0", "1.1.0")
    steps = [{"split": "20%", "soak": "2s"}, {"approve": "release-manager", "timeout": "10s", "on_timeout": policy}]
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": steps}},
        analysis=LOOSE | {"max_extensions": 30},
        rollback={"max_paused": "30s"},
    )
    await world.until(submitted.id, "progressing.waiting", each=lambda: serve_all(world))
    await world.advance(12)
    seen = await world.look(submitted.id)
    assert seen.phase == phase
    async with world.control.state.read() as connection:
        assert (await get_version(connection, submitted.version)).unstable is None  # nobody's silence is its fault
    if policy == "pause":
        assert seen.pause_reasons == ("await_approval", "step_pause")
        await world.control.operations.command(submitted.id, "approve", actor=MANAGER)
        await world.settle()
        assert (await world.look(submitted.id)).phase == "promoting"  # late is still in time


# Notifications ------------------------------------------------------------------------------------------------


async def test_a_hook_hears_of_a_rollback_once_though_control_crashes_before_it_is_marked_sent(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.until(submitted.id, "rolled_back")
    real = world.control.notifier._database.transact

    async def die(_work):
        raise asyncio.CancelledError

    world.control.notifier._database.transact = die
    with pytest.raises(asyncio.CancelledError):
        await world.control.notifier.deliver_due("hook")
    world.control.notifier._database.transact = real
    await world.restart()
    told = await deliver(world)
    assert [each["event"] for each in told] == ["started", "started", "rolling_back", "rolled_back"] or [
        each["event"] for each in told
    ] == ["started", "started", "progressed", "rolling_back", "rolled_back"]
    assert len({each["id"] for each in told}) == len(told) - 1  # the repetition is known by its id
    assert told[-2]["trigger"] == "cut_off"
    assert all("webhook-signature" in request.headers for request in world.told)


async def test_a_hanging_hook_delays_no_rollback(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    hanging = asyncio.Event()

    class Hanging:
        name = "hook"

        async def deliver(self, row):
            await hanging.wait()

    world.control.notifier._sinks.sink = lambda name: Hanging()
    telling = asyncio.create_task(world.control.notifier.run())
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.settle()
    assert (await world.look(submitted.id)).phase == "rolled_back"
    assert world.weights("bot") == {old: 10_000}
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def test_a_releases_own_hook_hears_what_it_asked_for(world):
    await world.service("bot", "1.0.0", "1.1.0")
    own = [{"webhook": "https://mine.example/", "events": ["promoted"]}]
    submitted = await world.release("bot", "v1.1.0", bake="2s", notify=own)
    await world.until(submitted.id, "succeeded")
    assert await world.control.notifier.deliver_due(f"{submitted.id}/0")
    (request,) = [each for each in world.told if each.url.host == "mine.example"]
    assert msgspec.json.decode(request.content)["event"] == "promoted"


# Incidents, alerts and ways back ------------------------------------------------------------------------------


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


# What is told -------------------------------------------------------------------------------------------------


async def test_explanation_checklist_and_report_follow_a_release_through_its_life(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", strategy=APPROVED, analysis={"min_samples": 200})
    await world.until(submitted.id, "progressing.soaking")
    for gateway in world.gateways:
        await gateway.serve("bot", 100)
    await world.advance(12)
    seen = await world.look(submitted.id)
    assert seen.missing_samples == 200 - seen.samples > 0
    assert seen.missing_seconds > 0
    assert seen.actual.gateways == seen.actual.current == 2
    assert sum(seen.actual.weights.values()) == 10_000
    summary = " ".join((await world.control.queries.explain(submitted.id)).summary)
    for part in (
        "step 1 of 3 (split 20 % of the units",
        "are missing",
        "units of the candidate so far",
        "no data is never a pass",
    ):
        assert part in summary, summary
    standings = {item.what: item.standing for item in (await world.control.queries.checklist(submitted.id)).items}
    assert standings["Probes were answered before any user was served"] == "done"
    assert standings["A model card describes it"] == "open"
    assert [standing for what, standing in standings.items() if what.startswith("Step")] == ["open"] * 3
    page = report_page(await world.control.queries.report(submitted.id))
    for part in (
        "## Evidence",
        "error_rate",
        "| 1 | 1 | 0 | candidate |",
        "- [x] The version is registered",
        "release-manager",
    ):
        assert part in page
    await world.control.operations.command(submitted.id, "abort", actor=ALICE, reason="enough seen")
    await world.until(submitted.id, "rolled_back")
    summary = " ".join((await world.control.queries.explain(submitted.id)).summary)
    assert "It was ended on request" in summary
    assert "tidegate retry" in summary
