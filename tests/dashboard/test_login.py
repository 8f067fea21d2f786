import pytest
from tests.dashboard.conftest import browser, submit


async def test_without_keys_everybody_on_this_machine_is_in(shared):
    async with browser(shared) as visitor:
        page = await visitor.get("/")
        assert page.status_code == 200
        assert "open on this machine" in page.text


async def test_a_foreign_host_name_sees_nothing_where_no_key_protects(shared):
    async with browser(shared) as visitor:
        page = await visitor.get("/", headers={"host": "evil.example"})
        assert page.status_code == 403
        assert "support" not in page.text


async def test_a_key_opens_a_session_and_logging_out_closes_it(server):
    key = await server.key("ann", "admin")
    async with browser(server) as visitor:
        turned_away = await visitor.get("/services/bot")
        assert (turned_away.status_code, turned_away.headers["location"]) == (303, "/login?next=/services/bot")
        assert (await visitor.log_in("wrong")).status_code == 401
        let_in = await visitor.log_in(key)
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
        cookie = let_in.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert key not in cookie
        page = (await visitor.get("/")).text
        assert "ann" in page
        assert key not in page
        assert (await visitor.post("/logout", token=await visitor.token("/"))).status_code == 303
        assert (await visitor.get("/")).status_code == 303


async def test_a_revoked_key_ends_its_sessions(server):
    await server.key("root", "admin")
    key = await server.key("ann", "viewer")
    async with browser(server) as visitor:
        await visitor.log_in(key)
        assert (await visitor.get("/")).status_code == 200
        async with server.client(await server.key("second", "admin")) as client:
            await client.revoke_key("ann")
        assert (await visitor.get("/")).status_code == 303


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
async def test_a_login_leads_nowhere_else(server, following):
    key = await server.key("ann", "viewer")
    async with browser(server) as visitor:
        let_in = await visitor.post("/login", token=await visitor.token(), key=key, next=following)
        assert let_in.headers["location"] == "/"


async def test_a_key_for_requests_only_sees_nothing_here(server):
    key = await server.key("app", "invoke")
    async with browser(server) as visitor:
        assert (await visitor.log_in(key)).status_code == 403


async def test_forms_without_this_browsers_token_are_refused(server):
    release = await submit(server)
    key = await server.key("ann", "admin")
    async with browser(server) as visitor, browser(server) as other:
        await visitor.log_in(key)
        await other.log_in(key)
        foreign = await other.token("/")
        for token in ("", "0" * 64, foreign):
            refused = await visitor.post(f"/releases/{release}/abort", token=token)
            assert refused.status_code == 403
        assert (await visitor.post("/login", token=foreign, key=key)).status_code == 403
        assert (await visitor.post("/logout", token=foreign)).status_code == 403
        async with server.client(key) as client:
            assert (await client.release_by_id(release)).breach is None


async def test_another_sites_page_can_send_nothing(server):
    release = await submit(server)
    async with browser(server) as visitor:
        token = await visitor.token(f"/releases/{release}")
        sent = await visitor.http.post(
            f"/releases/{release}/abort", data={"token": token}, headers={"sec-fetch-site": "cross-site"}
        )
        assert sent.status_code == 403


async def test_a_viewer_sees_and_an_operator_acts_and_an_approver_approves(server):
    release = await submit(server)
    keys = {role: await server.key(role, role) for role in ("viewer", "operator", "approver", "admin")}
    async with browser(server) as visitor:
        await visitor.log_in(keys["viewer"])
        address = f"/releases/{release}"
        page = await visitor.get(address)
        assert page.status_code == 200
        assert "/abort" not in page.text
        token = await visitor.token(address)
        refused = await visitor.post(f"{address}/abort", token=token)
        assert refused.status_code == 403
        assert "That is not yours to do" in refused.text
    async with browser(server) as visitor:
        await visitor.log_in(keys["operator"])
        assert f"{address}/abort" in (await visitor.get(address)).text
        refused = await visitor.post(f"{address}/approve", token=await visitor.token(address))
        assert refused.status_code == 403
    async with browser(server) as visitor:
        await visitor.log_in(keys["approver"])
        done = await visitor.post(f"{address}/approve", token=await visitor.token(address), reason="fine")
        assert done.headers["location"] == f"{address}?did=approve"


async def test_a_key_for_one_service_sees_that_one(server):
    async with server.client(actor="ann@desk") as client:
        await client.put_service("secret-bot", {})
    key = await server.key("bot", "operator", services=("bot",))
    async with browser(server) as visitor:
        await visitor.log_in(key)
        page = await visitor.get("/")
        assert "secret-bot" not in page.text
        assert (await visitor.get("/services/secret-bot")).status_code == 403
        assert (await visitor.get("/audit")).status_code == 403
        assert (await visitor.get("/requests")).status_code == 200


async def test_a_link_from_elsewhere_is_followed_once_more_from_here(server):
    await server.key("ann", "admin")
    async with browser(server) as visitor:
        arrived = await visitor.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
        assert arrived.status_code == 200
        assert 'http-equiv="refresh"' in arrived.text
