import asyncio

import pytest
import pytest_asyncio

from tidegate.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError


@pytest_asyncio.fixture(loop_scope="session")
async def version(client):
    return (await client.push({"model": "sim/gpt", "card": "second"}, service="bot")).ref


async def until(client, release, phase):
    async with asyncio.timeout(120):
        while (seen := await client.release_by_id(release)).phase != phase:
            await asyncio.sleep(0.02)
    return seen


async def test_a_release_is_accepted_and_shown_in_status_and_history(client, version):
    release = await client.release("bot", "v1.1.0", reason="try it")
    assert (release.version, release.stable.partition("-")[0], release.reason) == (version, "bot/v1.0.0", "try it")
    assert (await client.status("bot")).release.id == release.id
    assert [each.id for each in (await client.history("bot")).items] == [release.id]
    assert release.actor == "ann@desk"


async def test_the_same_key_starts_one_release(server, version):
    body = {"service": "bot", "version": version}
    answers = [await server.send("POST", "/releases", json=body, headers={"idempotency-key": "once"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = await server.send("POST", "/releases", json={**body, "reason": "x"}, headers={"idempotency-key": "once"})
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_bad_spec_names_the_field(client, version):
    with pytest.raises(InvalidInputError) as error:
        await client.release("bot", version, spec={"probe": {"request": 3}})
    assert (error.value.code, error.value.where) == ("unknown_key", "spec: probe.request")
    with pytest.raises(InvalidInputError) as error:
        await client.release("bot", version, spec={"service": "shop"})
    assert error.value.code == "contradiction"


async def test_promote_and_resume_need_the_state_they_were_decided_on(client, server, version):
    release = await client.release("bot", version)
    seen = await until(client, release.id, "gating")
    bare = await server.send("POST", f"/releases/{release.id}/promote", json={})
    assert bare.status_code == 422
    with pytest.raises(PreconditionError):
        await client.promote(release.id, etag=seen.etag - 1)
    assert (await client.promote(release.id, etag=seen.etag)).id == release.id
    told = await server.send("GET", f"/releases/{release.id}")
    assert told.headers["etag"].strip('"').isdecimal()


async def test_an_abort_is_always_accepted_and_ends_the_release(client, version):
    release = await client.release("bot", version)
    await client.abort(release.id, reason="changed my mind")
    waited = await client.wait(release.id, timeout=120)
    assert (waited.outcome, waited.exit_code, waited.release.phase in {"rejected", "rolled_back"}) == ("ended", 3, True)
    assert (await client.abort(release.id)).phase == waited.release.phase
    with pytest.raises(ConflictError) as error:
        await client.pause(release.id)
    assert error.value.code == "release_ended"


async def test_a_paused_release_is_told_to_whoever_waits(client, version):
    release = await client.release("bot", version)
    await client.pause(release.id, reason="lunch")
    waited = await client.wait(release.id, timeout=120)
    assert (waited.outcome, waited.exit_code) == ("paused", 4)


async def test_waiting_runs_out(client, version):
    release = await client.release("bot", version)
    waited = await client.wait(release.id, timeout=0.3)
    assert (waited.outcome, waited.exit_code) == ("timed_out", 5)


async def test_events_are_streamed_as_they_happen_until_the_release_ends(client, version):
    release = await client.release("bot", version)
    codes = []
    async with asyncio.timeout(120):
        async for event in client.events(release.id):
            codes.append(event.code)
            if len(codes) == 2:
                await client.abort(release.id)
    assert codes[:2] == ["submitted", "started"]
    assert "abort" in codes
    resumed = [event.code async for event in client.events(release.id, after=event.seq)]
    assert resumed == []


async def test_an_explanation_has_sentences(client, version):
    release = await client.release("bot", version)
    await until(client, release.id, "gating")
    assert any(version in sentence for sentence in (await client.explain(release.id)).sentences)


async def test_a_rollback_ends_what_is_running_and_repeating_it_changes_nothing(client, version):
    release = await client.release("bot", version)
    await until(client, release.id, "gating")
    assert (await client.rollback("bot", reason="bad")).id == release.id
    await client.wait(release.id, timeout=120)
    with pytest.raises(ConflictError):
        await client.rollback("bot")


async def test_a_freeze_stands_until_it_is_lifted_and_keeps_its_first_reason(client):
    assert (await client.freeze("bot", reason="incident")).reason == "incident"
    assert (await client.freeze("bot", reason="later")).reason == "incident"
    assert (await client.status("bot")).freeze.actor == "ann@desk"
    assert [each.scope for each in (await client.freezes()).items] == ["bot"]
    assert (await client.unfreeze("bot")).items == ()
    assert (await client.unfreeze("bot")).items == ()


async def test_a_route_is_explained_without_sending_anything(client):
    found = await client.explain_route("bot", conversation="c-1")
    assert (found.unit, found.unit_kind, found.version.partition("-")[0]) == ("c-1", "conversation", "bot/v1.0.0")


async def test_unknown_things_are_not_found(client):
    for call in (
        client.release_by_id("rel_x"),
        client.incident("inc_x"),
        client.abort("rel_x"),
        client.explain("rel_x"),
    ):
        with pytest.raises(NotFoundError):
            await call
    with pytest.raises(NotFoundError):
        async for _ in client.events("rel_x"):
            pass
