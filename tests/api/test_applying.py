import pytest

from tidegate.api.applying import apply_documents
from tidegate.documents import Document
from tidegate.errors import ForbiddenError, InvalidInputError, NotFoundError

SHOP = {"kind": "Service", "name": "shop", "stable": {"model": "sim/gpt", "prompt": {"system": "You sell."}}}


def told(applied):
    return [(change.kind, change.name.partition("-")[0], change.action) for change in applied.changes]


async def test_an_inline_stable_becomes_the_first_version_and_the_stable_one(client):
    assert told(await client.apply([SHOP])) == [("Service", "shop", "created"), ("Bundle", "shop/v1.0.0", "created")]
    status = await client.status("shop")
    assert (status.stable.partition("-")[0], status.release) == ("shop/v1.0.0", None)


async def test_applying_again_changes_nothing(client, server):
    await client.apply([SHOP])
    rows = (await client.audit(limit=500)).items
    revision = server.control.publisher.current.revision
    assert {action for _, _, action in told(await client.apply([SHOP]))} == {"unchanged"}
    assert (await client.audit(limit=500)).items == rows
    assert server.control.publisher.current.revision == revision


async def test_an_inline_stable_that_differs_is_reported_and_nothing_moves(client):
    await client.apply([SHOP])
    before = await client.status("shop")
    changed = {**SHOP, "stable": {"model": "sim/gpt", "prompt": {"system": "You sell more."}}}
    (_, change) = (await client.apply([changed])).changes
    assert change.action == "differs"
    assert "+You sell more." in change.detail
    assert await client.status("shop") == before
    assert len((await client.versions("shop")).versions) == 1


async def test_a_dry_run_tells_the_same_and_does_nothing(client, server):
    documents = [SHOP, {"kind": "Provider", "name": "sim", "dialect": "openai", "base_url": "http://127.0.0.1:2/v1"}]
    tried = await client.apply(documents, dry_run=True)
    assert tried.is_dry_run
    assert [change.action for change in tried.changes] == ["updated", "created", "created"]
    assert tried.changes[0].detail == ('base_url: "http://127.0.0.1:1/v1" → "http://127.0.0.1:2/v1"',)
    with pytest.raises(NotFoundError):
        await client.status("shop")
    assert told(await client.apply(documents)) == told(tried)


async def test_one_wrong_document_and_nothing_of_any_is_done(client):
    with pytest.raises(InvalidInputError) as error:
        await client.apply([SHOP, {"kind": "Service", "name": "x", "fallbacks": ["no-slash"]}])
    assert error.value.where == "services.x.fallbacks"
    with pytest.raises(InvalidInputError) as error:
        await client.apply([SHOP, {"kind": "Servise", "name": "x"}])
    assert (error.value.code, error.value.remedy) == ("unknown_kind", "did you mean 'Service'?")
    with pytest.raises(NotFoundError):
        await client.status("shop")


async def test_a_bundle_and_its_release_come_in_one_go_and_only_once(client):
    bundle = {"kind": "Bundle", "service": "bot", "version": "v1.1.0", "model": "sim/gpt"}
    release = {"kind": "Release", "service": "bot", "version": "v1.1.0", "strategy": "direct"}
    first, second = await client.apply([bundle, release]), await client.apply([bundle, release])
    assert [change.action for change in first.changes] == ["created", "created"]
    assert [change.action for change in second.changes] == ["unchanged", "unchanged"]
    assert len((await client.releases()).items) == 1


async def test_a_literal_credential_is_held_in_memory_and_never_shown(client, server):
    provider = {
        "kind": "Provider",
        "name": "vendor",
        "dialect": "openai",
        "base_url": "https://x.test/v1",
        "api_key": "sk-123456",
    }
    applied = await client.apply([provider])
    assert server.control.secrets == {"memory:provider.vendor": "sk-123456"}
    assert "until control restarts" in applied.warnings[0]
    assert (await client.apply([SHOP])).warnings == ()
    spec = {key: value for key, value in provider.items() if key not in {"kind", "name"}}
    assert (await client.put_provider("vendor", spec)).warnings == applied.warnings
    found = await client.provider("vendor")
    assert (found.credential, found.warnings) == ("memory:provider.vendor", ())
    server.control.secrets.clear()  # as after a restart
    assert "no longer holds" in (await client.provider("vendor")).warnings[0]
    assert "sk-123456" not in repr((applied, await client.audit(limit=500)))
    assert b"sk-123456" not in (server.folder / "state.db").read_bytes()


async def test_an_operator_may_apply_a_file_but_not_move_where_credentials_go(server):
    admin, operator = await server.key("admin", "admin"), await server.key("ci", "operator")
    provider = {"kind": "Provider", "name": "vendor", "dialect": "openai", "base_url": "https://x.test/v1"}
    async with server.client(admin) as client:
        await client.apply([provider])
    async with server.client(operator) as client:
        assert told(await client.apply([provider, SHOP]))[0] == ("Provider", "vendor", "unchanged")
        with pytest.raises(ForbiddenError):
            await client.apply([{**provider, "base_url": "https://evil.test/v1"}])
        assert (await client.provider("vendor")).base_url == "https://x.test/v1"


async def test_the_file_revokes_the_keys_it_no_longer_names_and_no_others(server):
    await server.key("made-by-hand", "admin")
    one = {"name": "one", "key": "first-secret", "roles": ["viewer"]}

    async def start(*keys):
        document = Document({"keys": list(keys)}, "tidegate.yaml")
        return await apply_documents(
            server.control, server.artifacts, [document], actor="configuration", source="configuration"
        )

    await start(one, {"name": "two", "key": "second-secret", "roles": ["viewer"]})
    changes = await start({**one, "name": "uno"})  # the same secret under another name
    assert [(change.name, change.detail) for change in changes] == [
        ("one", ("revoked",)),
        ("two", ("revoked",)),
        ("uno", ()),
    ]
    headers = {"authorization": "Bearer second-secret"}
    assert (await server.send("GET", "/services", headers=headers)).status_code == 401
    answer = await server.send("GET", "/keys", headers={"authorization": "Bearer first-secret"})
    assert [key["name"] for key in answer.json()["items"]] == ["made-by-hand", "uno"]
    assert "secret" not in answer.text


async def test_a_provider_in_use_is_not_deleted(server, client):
    answer = await server.send("DELETE", "/providers/sim")
    assert answer.json()["code"] == "provider_in_use"
    await client.put_provider("spare", {"dialect": "openai", "base_url": "https://x.test/v1"})
    assert [each.name for each in (await client.delete_provider("spare")).items] == ["sim"]


async def test_a_service_is_changed_only_from_the_state_that_was_seen(client, server):
    seen = await client.service("bot")
    changed = await client.put_service("bot", {"timeouts": {"total": "2m"}}, etag=seen.etag)
    assert changed.spec["timeouts"] == {"total": 120.0}
    answer = await server.send("PUT", "/services/bot", json={}, headers={"if-match": f'"{seen.etag}"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
