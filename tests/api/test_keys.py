import pytest
from tests.fakes.control_server import serving

from tidegate.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, UnauthenticatedError
from tidegate.shapes.keys import KeyLimits

OWN = ("tidegate-probe", "tidegate-judge")  # control's own, for what it asks through the gateways


def published(server):
    return {key.name for key in server.control.publisher.current.keys}


async def test_the_first_key_ends_open_access_and_says_so(client, server):
    assert server.control.publisher.current.open_access
    made = await client.create_key("ann", roles=["admin"])
    assert (made.key.name, made.key.roles, made.key.source) == ("ann", ("admin",), "api")
    assert "from now on" in made.warnings[0]
    assert not server.control.publisher.current.open_access
    with pytest.raises(UnauthenticatedError):
        await client.keys()
    async with server.client(made.secret) as admin:
        assert [key.name for key in (await admin.keys()).items] == ["ann"]
        row = (await admin.audit(subject="ann", limit=1)).items[0]
        assert (row.actor, row.action) == ("ann@desk", "key.created")
        assert made.secret not in repr(await admin.audit(limit=500))
    assert made.secret.encode() not in (server.folder / "state.db").read_bytes()


async def test_a_first_key_that_could_not_administer_is_refused_and_changes_nothing(client, server):
    for roles, services in ((["viewer"], ()), (["operator", "invoke"], ()), (["admin"], ("bot",))):
        with pytest.raises(ConflictError) as error:
            await client.create_key("ann", roles=roles, services=services)
        assert error.value.code == "no_admin_key"
        assert "create a key with the role admin" in error.value.remedy
    with pytest.raises(ConflictError) as error:
        await client.apply([{"keys": [{"name": "ann", "key": "secret-of-ann", "roles": ["viewer"]}]}])
    assert error.value.code == "no_admin_key"
    assert (await client.keys()).items == ()
    assert server.control.publisher.current.open_access


async def test_a_revoked_key_opens_neither_the_api_nor_a_gateway(client, server):
    admin = await client.create_key("ann", roles=["admin"])
    async with server.client(admin.secret) as by_ann:
        made = await by_ann.create_key("ci", roles=["invoke", "viewer"], services=["bot", "shop"])
        assert made.warnings == ("there is no service 'shop' yet",)
        async with server.client(made.secret) as by_ci:
            assert (await by_ci.status("bot")).service == "bot"
            assert published(server) == {"ann", "ci", *OWN}
            before = server.control.publisher.current.revision
            assert [key.name for key in (await by_ann.revoke_key("ci")).items] == ["ann"]
            with pytest.raises(UnauthenticatedError):
                await by_ci.status("bot")
        assert published(server) == {"ann", *OWN}
        assert server.control.publisher.current.revision > before
        with pytest.raises(NotFoundError) as error:
            await by_ann.revoke_key("ci")
        assert error.value.code == "unknown_key_name"


async def test_the_last_admin_stays_while_others_have_keys(client, server):
    admin = await client.create_key("ann", roles=["admin"])
    async with server.client(admin.secret) as by_ann:
        await by_ann.create_key("ci", roles=["viewer"])
        with pytest.raises(ConflictError) as error:
            await by_ann.revoke_key("ann")
        assert error.value.code == "no_admin_key"
        await by_ann.revoke_key("ci")
        assert "everybody" in (await by_ann.revoke_key("ann")).warnings[0]
    assert server.control.publisher.current.open_access
    assert (await client.keys()).items == ()


async def test_without_open_access_the_last_key_stays(tmp_path):
    async with (
        serving(tmp_path, is_loopback=False, join_token="a-join-token") as server,
        server.client(await server.key("ann", "admin")) as client,
    ):
        with pytest.raises(ConflictError) as error:
            await client.revoke_key("ann")
        assert error.value.code == "no_admin_key"
        assert [key.name for key in (await client.keys()).items] == ["ann"]


async def test_only_admins_for_every_service_make_and_revoke_keys(client, server):
    await server.key("ann", "admin")
    for name, roles, services in (("ci", ("operator", "approver"), ()), ("bot-admin", ("admin",), ("bot",))):
        async with server.client(await server.key(name, *roles, services=services)) as other:
            for refused in (other.create_key("mine", roles=["admin"]), other.revoke_key("ann")):
                with pytest.raises(ForbiddenError):
                    await refused
    assert published(server) >= {"tidegate-probe"}


async def test_wrong_names_and_roles_and_taken_names_are_refused(client, server):
    for name in ("", "../x", "a/b", "with space", "x" * 129, "line\nbreak"):
        with pytest.raises(InvalidInputError):
            await client.create_key(name, roles=["admin"])
    with pytest.raises(InvalidInputError) as error:
        await client.create_key("ann", roles=["admim"])
    assert "admin" in error.value.remedy
    with pytest.raises(ConflictError) as error:
        await client.create_key("tidegate-probe", roles=["admin"])
    assert error.value.code == "key_exists"
    made = await client.create_key("ann", roles=["admin"])
    async with server.client(made.secret) as admin:
        with pytest.raises(ConflictError) as error:
            await admin.create_key("ann", roles=["viewer"])
        assert error.value.code == "key_exists"
        assert (await admin.keys()).items == (made.key,)


async def test_any_name_of_a_key_in_a_file_can_be_revoked(client, server):
    secret = await server.key("ann", "admin")
    await server.key("team/ci bot?", "viewer")
    async with server.client(secret) as admin:
        assert [key.name for key in (await admin.revoke_key("team/ci bot?")).items] == ["ann"]


async def test_limits_are_kept_shown_published_and_audited(client, server):
    limits = KeyLimits(requests_per_minute=60, concurrent=4, budget=("5 USD/day", "50 USD/month"))
    made = await client.create_key("ann", roles=["admin"], limits=limits)
    assert made.key.limits == limits
    async with server.client(made.secret) as admin:
        (shown,) = (await admin.keys()).items
        assert (shown.limits, shown.use.requests_today, shown.use.spent_this_month_usd) == (limits, 0, 0.0)
        published = {key.name: key.limits for key in server.control.publisher.current.keys}
        assert published["ann"].budget_per_month == 50 * 10**9
        row = (await admin.audit(subject="ann", limit=1)).items[0]
        assert row.detail["limits"]["requests_per_minute"] == 60
        declared = {"name": "ann", "sha256": "ab" * 32, "roles": ["admin"], "limits": {"budget": "7 USD/day"}}
        await admin.apply([{"keys": [declared]}])
    (key,) = [key for key in server.control.publisher.current.keys if key.name == "ann"]
    assert (key.limits.budget_per_day, key.limits.requests_per_minute) == (7 * 10**9, 0)


@pytest.mark.parametrize(
    "limits", [KeyLimits(requests_per_minute=0), KeyLimits(budget=("5 EUR/day",)), KeyLimits(without_control="maybe")]
)
async def test_limits_of_another_form_are_refused(client, limits):
    with pytest.raises(InvalidInputError):
        await client.create_key("ann", roles=["admin"], limits=limits)
    assert (await client.keys()).items == ()
