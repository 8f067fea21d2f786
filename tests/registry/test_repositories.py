"""Services, providers, keys, freezes and idempotency: idempotent writes, one audit row a change, no secrets."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tidegate.delivery.bundle import TimeoutsSpec
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.service import PriceSpec, ProviderSpec, ServiceSpec
from tidegate.delivery.snapshot import Segment
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry import audit, freezes, idempotency, keys, providers, services
from tidegate.registry.schema import state

SPEC = ServiceSpec(
    fallbacks=("claude/haiku",),
    timeouts=TimeoutsSpec(connect=Seconds(2), total=Seconds(300)),
    segments={"internal": Segment(header={"x-team": "acme-*"})},
    overrides=("temperature",),
)


@pytest.fixture
async def connection(database):
    async with database.write() as opened:
        yield opened


async def _actions(connection):
    return [row.action for row in reversed(await audit.list_audit(connection))]


async def test_a_service_comes_back_as_it_was_declared(connection, clock):
    assert await services.put_service(connection, "bot", SPEC, actor="ann", at=clock())
    found = await services.get_service(connection, "bot")
    assert (found.spec, found.stable, found.version) == (SPEC, None, 1)
    assert isinstance(found.spec.timeouts.connect, Seconds)
    assert len(found.salt) == 16


async def test_declaring_a_service_again_changes_nothing(connection, clock):
    await services.put_service(connection, "bot", SPEC, actor="ann", at=clock())
    assert not await services.put_service(connection, "bot", SPEC, actor="ann", at=clock())
    assert not await services.ensure_service(connection, "bot", actor="ann", at=clock())
    assert await _actions(connection) == ["service.created"]


async def test_a_changed_service_keeps_salt_and_tells_both_specs(connection, clock):
    await services.ensure_service(connection, "bot", actor="ann", at=clock())
    before = await services.get_service(connection, "bot")
    assert await services.put_service(connection, "bot", SPEC, actor="ann", at=clock())
    after = await services.get_service(connection, "bot")
    assert (after.salt, after.version) == (before.salt, 2)
    assert await _actions(connection) == ["service.created", "service.changed"]
    (row, _) = await audit.list_audit(connection)
    assert row.detail["after"]["fallbacks"] == ["claude/haiku"]


async def test_of_two_movers_of_the_pointer_the_later_one_is_told(connection, clock):
    await services.ensure_service(connection, "bot", actor="ann", at=clock())
    read = await services.get_service(connection, "bot")
    moved = await services.set_stable(connection, read, stable=None, previous_stable=None)
    assert moved.version == read.version + 1
    with pytest.raises(ConflictError) as raised:
        await services.set_stable(connection, read, stable=None, previous_stable=None)
    assert raised.value.code == "stale_service"


@pytest.mark.parametrize(
    ("name", "spec"), [("Bot", SPEC), ("bot", ServiceSpec(fallbacks=("x",))), ("bot", ServiceSpec(max_attempts=0))]
)
async def test_a_service_that_cannot_be_is_refused(connection, clock, name, spec):
    with pytest.raises(InvalidInputError):
        await services.put_service(connection, name, spec, actor="ann", at=clock())
    assert await services.list_services(connection) == []


PROVIDER = ProviderSpec(
    dialect="openai",
    base_url="https://api.example/v1",
    prices={"*": PriceSpec(input=Decimal("0.10"), output=Decimal("0.4"))},
)


def _with_key(api_key):
    return ProviderSpec(dialect="openai", base_url="https://api.example/v1", api_key=api_key)


@pytest.mark.parametrize(
    ("api_key", "reference", "secrets"),
    [
        (None, None, {}),
        ("", None, {}),
        ("${OPENAI_API_KEY}", "env:OPENAI_API_KEY", {}),
        ("${file:/run/secrets/key}", "file:/run/secrets/key", {}),
        ("env:KEY", "env:KEY", {}),
        ("sk-literal", "memory:provider.openai", {"provider.openai": "sk-literal"}),
    ],
)
async def test_only_a_reference_of_a_credential_is_stored(connection, clock, api_key, reference, secrets):
    change = await providers.put_provider(connection, "openai", _with_key(api_key), actor="ann", at=clock())
    assert (change.is_changed, change.secrets) == (True, secrets)
    assert (await providers.find_provider(connection, "openai")).spec.api_key == reference
    again = await providers.put_provider(connection, "openai", _with_key(api_key), actor="ann", at=clock())
    assert (again.is_changed, again.secrets) == (False, secrets)
    assert await _actions(connection) == ["provider.created"]


async def test_no_table_holds_a_literal_secret(connection, clock):
    await providers.put_provider(connection, "openai", _with_key("sk-literal"), actor="ann", at=clock())
    _, secret = await keys.create_key(connection, "ci", roles=["operator"], actor="ann", at=clock())
    for table in state.tables.values():
        for row in (await connection.execute(sa.select(table))).all():
            assert "sk-literal" not in repr(row)
            assert secret not in repr(row)


async def test_prices_come_back_exactly(connection, clock):
    await providers.put_provider(connection, "openai", PROVIDER, actor="ann", at=clock())
    assert (await providers.list_providers(connection))[0].spec == PROVIDER


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("a/b", {}, "not a provider's name"),
        ("a", {"base_url": "ftp://x"}, "not an http"),
        ("a", {"base_url": "https://"}, "not an http"),
        ("a", {"base_url": "https://x:notaport"}, "not an http"),
        ("a", {"base_url": "https://user:pw@x/v1"}, "carries a credential"),
        ("a", {"base_url": "https://x/v1?key=1"}, "query"),
        ("a", {"headers": {"Authorization": "Bearer x"}}, "use api_key"),
        ("a", {"max_in_flight": -1}, "negative"),
    ],
)
async def test_a_provider_that_cannot_be_is_refused(connection, clock, name, fields, said):
    spec = ProviderSpec(**{"dialect": "openai", "base_url": "https://x/v1", **fields})
    with pytest.raises(InvalidInputError, match=said):
        await providers.put_provider(connection, name, spec, actor="ann", at=clock())
    assert await _actions(connection) == []


async def test_a_key_is_found_by_the_digest_of_its_secret(connection, clock):
    key, secret = await keys.create_key(connection, "ci", roles=["operator"], services=["bot"], actor="ann", at=clock())
    assert await keys.find_key_by_digest(connection, keys.key_digest(secret)) == key
    with pytest.raises(ConflictError):
        await keys.create_key(connection, "ci", roles=["operator"], actor="ann", at=clock())
    assert await keys.revoke_key(connection, "ci", actor="ann", at=clock()) == key
    assert await keys.list_keys(connection) == []
    assert await _actions(connection) == ["key.created", "key.revoked"]
    with pytest.raises(NotFoundError):
        await keys.revoke_key(connection, "ci", actor="ann", at=clock())


async def test_putting_a_key_again_changes_nothing_and_the_same_secret_has_one_name(connection, clock):
    put = {"roles": ["viewer", "invoke"], "actor": "ann"}
    assert await keys.put_key(connection, "a", keys.key_digest("s"), at=clock(), **put)
    assert not await keys.put_key(connection, "a", keys.key_digest("s"), at=clock(), **put)
    assert await keys.put_key(connection, "a", keys.key_digest("t"), at=clock(), **put)
    with pytest.raises(ConflictError, match="same secret"):
        await keys.put_key(connection, "b", keys.key_digest("t"), at=clock(), **put)
    with pytest.raises(InvalidInputError, match="did you mean 'viewer'"):
        await keys.put_key(connection, "c", keys.key_digest("c"), roles=["viewr"], actor="ann", at=clock())
    assert await _actions(connection) == ["key.created", "key.changed"]


async def test_a_freeze_holds_a_service_or_everything(connection, clock):
    for name in ("bot", "other"):
        await services.ensure_service(connection, name, actor="ann", at=clock())
    assert await freezes.freeze(connection, "bot", reason="incident", actor="ann", at=clock())
    assert not await freezes.freeze(connection, "bot", reason="again", actor="bob", at=clock())
    assert (await freezes.freeze_of(connection, "bot")).reason == "incident"
    assert await freezes.freeze_of(connection, "other") is None
    await freezes.freeze(connection, freezes.EVERYTHING, reason="holidays", actor="ann", at=clock())
    assert (await freezes.freeze_of(connection, "other")).reason == "holidays"
    assert await freezes.unfreeze(connection, "bot", reason="over", actor="bob", at=clock())
    assert not await freezes.unfreeze(connection, "bot", reason="over", actor="bob", at=clock())
    assert [each.scope for each in await freezes.list_freezes(connection)] == ["*"]
    assert (await _actions(connection))[2:] == ["freeze.set", "freeze.set", "freeze.lifted"]


async def test_a_freeze_needs_a_reason_and_a_known_service(connection, clock):
    with pytest.raises(InvalidInputError, match="reason"):
        await freezes.freeze(connection, "*", reason=" ", actor="ann", at=clock())
    with pytest.raises(NotFoundError):
        await freezes.freeze(connection, "none", reason="x", actor="ann", at=clock())


async def test_a_repeated_request_gets_its_first_answer(connection, clock):
    digest = idempotency.request_digest("post", "/api/v1/releases", b"{}")
    assert await idempotency.recall(connection, "ann", "k", digest) is None
    answer = idempotency.StoredResponse(202, '{"id": 1}')
    await idempotency.remember(connection, "ann", "k", digest, answer, at=clock())
    assert await idempotency.recall(connection, "ann", "k", digest) == answer
    assert await idempotency.recall(connection, "bob", "k", digest) is None
    with pytest.raises(ConflictError) as raised:
        await idempotency.recall(connection, "ann", "k", idempotency.request_digest("POST", "/api/v1/releases", b"[]"))
    assert raised.value.code == "idempotency_key_reused"
    assert await idempotency.forget_before(connection, clock.now - timedelta(hours=1)) == 0
    assert await idempotency.forget_before(connection, clock.now + timedelta(hours=1)) == 1
    assert await idempotency.recall(connection, "ann", "k", digest) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
async def test_an_unusable_idempotency_key_is_refused(connection, key):
    with pytest.raises(InvalidInputError):
        await idempotency.recall(connection, "ann", key, "d")
