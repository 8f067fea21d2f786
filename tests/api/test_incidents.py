import pytest
import pytest_asyncio
from tests.fakes.control_server import serving

from tidegate.errors import ForbiddenError, InvalidInputError, NotFoundError
from tidegate.registry import incidents, outbox


@pytest_asyncio.fixture(loop_scope="session")
async def release(client):
    await client.push({"model": "sim/gpt", "card": "second"}, service="bot")
    return await client.release("bot", "v1.1.0", reason="try it")


@pytest_asyncio.fixture(loop_scope="session")
async def incident(server, release):
    now = server.control.clock.now()
    async with server.control.state.write() as connection:
        return await incidents.open_incident(
            connection,
            service="bot",
            release=release.id,
            attempt=1,
            trigger="hard_limit",
            summary="A hard limit is breached.",
            evidence={"verdicts": []},
            exposed_requests=7,
            exposed_units=5,
            now=now,
        )


async def test_notes_are_added_by_whoever_may_operate_and_stand_in_the_export(server, client, incident):
    noted = await client.note_incident(incident.id, "The quota was too low.")
    assert [(note.actor, note.text) for note in noted.notes] == [("ann@desk", "The quota was too low.")]
    page = await client.incident_markdown(incident.id)
    assert page.startswith(f"# Incident {incident.id}: bot")
    assert "The quota was too low." in page
    with pytest.raises(InvalidInputError) as error:
        await client.note_incident(incident.id, "  ")
    assert error.value.code == "empty_note"
    with pytest.raises(NotFoundError):
        await client.note_incident("inc_0", "x")
    answer = await server.send("GET", f"/incidents/{incident.id}/export")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    await server.key("root", "admin")
    async with server.client(await server.key("viewer", "viewer")) as viewer:
        with pytest.raises(ForbiddenError):
            await viewer.note_incident(incident.id, "x")


async def test_notifications_are_listed_and_those_given_up_are_queued_again(server, client, release):
    now = server.control.clock.now()
    async with server.control.state.write() as connection:
        payload = {"release": release.id, "sentence": "It began."}
        await outbox.put(connection, sinks=("gone",), event="notify.started", payload=payload, dedupe_key="k", now=now)
        (row,) = await outbox.due(connection, "gone")
        await outbox.mark_failed(connection, row.id, "it answered 500", dead_at=now)
    (dead,) = (await client.notifications(standing="dead")).items
    assert (dead.sink, dead.event, dead.error, dead.dedupe_key) == ("gone", "started", "it answered 500", "k")
    assert (await client.notifications(release=release.id, sink="gone")).items == (dead,)
    assert (await client.retry_notification(dead.id)).standing == "waiting"
    with pytest.raises(NotFoundError):
        await client.retry_notification(10**6)


async def test_a_page_of_notifications_leads_to_the_next(server, client):
    async with server.control.state.write() as connection:
        for number in range(3):
            await outbox.put(
                connection,
                sinks=("gone",),
                event="notify.paused",
                payload={},
                dedupe_key=str(number),
                now=server.control.clock.now(),
            )
    first = await client.notifications(sink="gone", limit=2)
    second = await client.notifications(sink="gone", limit=2, cursor=first.next)
    assert [each.dedupe_key for each in (*first.items, *second.items)] == ["2", "1", "0"]
    assert second.next is None


async def test_alerts_say_of_each_what_became_of_it(client, release):
    fired = {"status": "firing", "labels": {"alertname": "Slow"}, "startsAt": "2026-01-01T00:00:00Z"}
    (taken,) = (await client.raise_alerts([fired])).items
    assert (taken.name, taken.release) == ("Slow", None)
    assert "alerts: {enabled: true}" in taken.ignored


async def test_what_is_no_webhook_of_alertmanager_is_refused(server):
    for body in ({}, {"alerts": "many"}, {"alerts": [{"status": "firing"}]}):
        answer = await server.send("POST", "/alerts", json=body)
        assert answer.status_code == 422


async def test_alerts_need_a_key_that_may_operate(server):
    await server.key("root", "admin")
    async with server.client(await server.key("viewer", "viewer")) as viewer:
        with pytest.raises(ForbiddenError):
            await viewer.raise_alerts([])


async def test_checklist_report_and_targets_are_told(client, release):
    checklist = await client.checklist(release.id)
    assert {item.when for item in checklist.items} >= {"before", "during"}
    assert {item.standing for item in checklist.items} <= {"done", "open", "failed", "not_needed"}
    report = await client.report(release.id)
    assert report.explanation.release.id == release.id
    assert report.declared["service"] == "bot"
    assert (await client.report_markdown(release.id)).startswith(f"# Release {release.id}")
    assert (await client.rollback_targets("bot")).items == ()
    assert (await client.explain(release.id)).summary[0].startswith(f"Release {release.id} brings bot/v1.1.0")
    for ask in (client.checklist, client.report):
        with pytest.raises(NotFoundError):
            await ask("rel_0")


async def test_programs_are_named_in_no_release_unless_the_installation_says_so(client, release):
    spec = {"gates": [{"command": "true"}], "when_running": "queue"}
    await client.push({"model": "sim/gpt", "card": "third"}, service="bot")
    with pytest.raises(InvalidInputError) as error:
        await client.release("bot", "v1.1.1", spec=spec)
    assert error.value.code == "commands_disabled"


async def test_a_key_may_bear_names_of_approvals_beside_approver(tmp_path):
    async with serving(tmp_path) as made, made.client() as client:
        admin = (await client.create_key("root", roles=["admin"])).secret
        async with made.client(admin) as root:
            key = (await root.create_key("mary", roles=["approver", "release-manager"])).key
            assert key.roles == ("approver", "release-manager")
            for roles in (["release-manager"], ["approver", "opertor"]):
                with pytest.raises(InvalidInputError, match="unknown role"):
                    await root.create_key("eve", roles=roles)
