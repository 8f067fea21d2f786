from itertools import product

import pytest
from tests.fakes.control_server import serving

from tidegate.errors import ForbiddenError, UnauthenticatedError


async def test_without_keys_whoever_can_connect_to_loopback_is_let_in_and_named_as_it_says(server):
    async with server.client(actor="eve@laptop") as client:
        await client.freeze("bot", reason="a look")
        rows = (await client.audit(subject="bot", limit=1)).items
    assert (rows[0].actor, rows[0].action) == ("eve@laptop", "freeze.set")


async def test_with_a_key_nobody_gets_in_without_it_and_its_name_is_the_actor(server):
    secret = await server.key("ci", "operator")
    async with server.client() as stranger:
        with pytest.raises(UnauthenticatedError):
            await stranger.status("bot")
    async with server.client(secret, actor="somebody-else") as client:
        await client.freeze("bot", reason="a look")
        assert (await client.audit(subject="bot", limit=1)).items[0].actor == "ci"


async def test_an_unknown_key_is_refused_and_told_how(server):
    await server.key("ci", "operator")
    answer = await server.send("GET", "/services", headers={"authorization": "Bearer tg_nobody"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "unauthenticated"
    assert "TIDEGATE_KEY" in answer.json()["remedy"]


ALLOWED = {
    "invoke": set(),
    "viewer": {"read"},
    "operator": {"read", "operate"},
    "approver": {"read", "approve"},
    "admin": {"read", "operate", "approve", "administer"},
}


async def test_each_role_may_do_exactly_what_its_row_of_the_table_says(server):
    for role, allowed in ALLOWED.items():
        headers = {"authorization": f"Bearer {await server.key(role, role)}"}
        tries = {
            "read": await server.send("GET", "/services", headers=headers),
            "operate": await server.send("PUT", "/freezes/bot", headers=headers, json={"reason": "x"}),
            "approve": await server.send("POST", "/releases/rel_none/approve", headers=headers, json={}),
            "administer": await server.send("DELETE", "/providers/none", headers=headers),
        }
        assert {right for right, answer in tries.items() if answer.status_code != 403} == allowed, role
        assert {each.json()["code"] for each in tries.values() if each.status_code == 403} <= {"role_missing"}


async def test_a_key_for_one_service_sees_and_moves_only_that_one(server):
    admin = await server.key("admin", "admin")
    async with server.client(admin) as client:
        await client.put_service("shop", {})
    scoped = await server.key("bot-ci", "operator", services=("bot",))
    async with server.client(scoped) as client:
        assert [status.service for status in (await client.services()).items] == ["bot"]
        assert (await client.releases()).items == ()
        for refused in (
            client.status("shop"),
            client.freeze("*", reason="x"),
            client.audit(),
            client.put_service("shop", {}),
        ):
            with pytest.raises(ForbiddenError) as error:
                await refused
            assert error.value.code == "service_scope"


async def test_a_rebound_name_does_not_reach_open_access(shared):
    hosts = ("evil.example", "evil.example:7401", "127.0.0.1.evil.example", "", "[::1")
    for host, path in product(hosts, ("/services", "//link/v1/snapshots?gateway=g&boot=b")):
        answer = await shared.send("GET", path, headers={"host": host, "authorization": "Bearer anything"})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_host")


async def test_loopback_names_reach_open_access(shared):
    for host in ("localhost:7401", "127.0.0.1", "127.0.0.9:80", "[::1]:7401"):
        assert (await shared.send("GET", "/services", headers={"host": host})).status_code == 200


async def test_with_a_key_any_host_name_will_do(server):
    headers = {"host": "tidegate.example", "authorization": f"Bearer {await server.key('ci', 'viewer')}"}
    assert (await server.send("GET", "/services", headers=headers)).status_code == 200


async def test_writes_of_other_sites_pages_are_refused(shared):
    for name, value in (
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ):
        answer = await shared.send("PUT", "/freezes/bot", headers={name: value}, json={"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
        beat = await shared.send("POST", "//link/v1/heartbeats", headers={name: value}, content=b"{}")
        assert beat.status_code == 403


async def test_writes_of_its_own_pages_are_taken(shared):
    headers = {"origin": shared.url, "sec-fetch-site": "same-origin"}
    assert (await shared.send("PUT", "/freezes/bot", headers=headers, json={"reason": "x"})).status_code == 200


async def test_without_keys_other_machines_are_not_let_in(tmp_path):
    async with serving(tmp_path, is_loopback=False, join_token="a-join-token") as server:
        answer = await server.send("GET", "/services")
        assert (answer.status_code, answer.json()["code"]) == (401, "no_keys")
        assert (await server.send("POST", "//link/v1/heartbeats", content=b"{}")).status_code == 401
