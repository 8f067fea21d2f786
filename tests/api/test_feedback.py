"""Feedback over the API: imported, read, counted; and who may."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation

from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.request_id import RequestIds
from tidegate.delivery.traffic import subject_hash
from tidegate.errors import ForbiddenError, InvalidInputError, NotFoundError
from tidegate.registry.observations import read_counts

NOW = datetime.now(UTC)


def ids_of(server, count: int = 1) -> list[str]:
    """Ids that a gateway of this installation made."""
    maker = RequestIds(bytes.fromhex(server.control.publisher.current.mac_key), b"gw-one")
    return [maker.make(int(NOW.timestamp() * 1000)) for _ in range(count)]


async def observe(server, *rows, boot_id="feedback") -> None:
    await server.control.store(batch(list(rows), boot_id=boot_id))


def began(seconds_ago: float) -> int:
    return int((NOW - timedelta(seconds=seconds_ago)).timestamp() * 1_000_000)


async def test_it_is_stored_attributed_listed_and_shown_with_its_request(server, client):
    (request_id,) = ids_of(server)
    await observe(server, observation(request_id=request_id, started_at_us=began(60), release="rel_1", propensity=500))
    assert (await client.feedback("thumbs_up", False, request_id=request_id, comment="wrong")).accepted == 1
    (said,) = (await client.read_feedback(service="bot")).items
    assert (said.value, said.comment, said.standing, said.counted) == (False, "wrong", "counted", "early")
    assert (said.variant, said.release, said.source) == ("stable", "rel_1", "user")
    found = await client.request(request_id)
    assert (found.feedback, found.content, found.is_content_hidden) == ((said,), None, False)
    async with server.control.observed.read() as connection:
        counted = (await read_counts(connection, ["rel_1"]))["rel_1"]
    assert [part.early.opinions for part in counted.values()] == [{"thumbs_up": Opinions(no=1)}]


async def test_an_import_is_whole_or_nothing_and_names_what_is_wrong(server, client):
    good, other = ids_of(server, 2)
    items = [{"request_id": good, "name": "rating", "value": 3}, {"request_id": other, "name": "Rating", "value": 3}]
    with pytest.raises(InvalidInputError, match=r"'Rating' is no name") as refused:
        await client.import_feedback(items)
    assert refused.value.where == "items[1].name"
    for wrong in ({"request_id": "req_forged", "name": "x", "value": 1}, {"name": "x", "value": 1, "colour": 2}):
        with pytest.raises(InvalidInputError):
            await client.import_feedback([items[0], wrong])
    assert (await client.read_feedback()).items == ()


async def test_what_was_said_elsewhere_keeps_its_time_and_waits_for_its_request(server, client):
    (request_id,) = ids_of(server)
    at = (NOW - timedelta(days=1)).replace(microsecond=0)
    await client.import_feedback([{"request_id": request_id, "name": "rating", "value": 4, "at": at.isoformat()}])
    (said,) = (await client.read_feedback()).items
    assert (said.at, said.value, said.standing, said.service) == (at, 4.0, "pending", "")
    with pytest.raises(InvalidInputError, match="offset"):
        await client.import_feedback([{"request_id": request_id, "name": "x", "value": 1, "at": "2026-01-01T00:00:00"}])


async def test_the_same_import_again_changes_nothing(server, client):
    (request_id,) = ids_of(server)
    body = {"items": [{"request_id": request_id, "name": "rating", "value": 4}]}
    headers = {"idempotency-key": "monday"}
    for value in (4, 5):
        body["items"][0]["value"] = value
        answer = await server.send("POST", "/feedback", json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert [said.value for said in (await client.read_feedback()).items] == [4.0]


async def test_a_unit_is_found_by_its_name(server, client):
    route = server.control.publisher.current.services["bot"]
    unit = subject_hash(route.salt, "cart-17")
    await observe(server, observation(request_id="req_u", unit_hash=unit, started_at_us=began(30)))
    await client.feedback("converted", True, service="bot", unit="cart-17")
    (said,) = (await client.read_feedback(request_id="req_u")).items
    assert (said.standing, said.version) == ("uncounted", "bot/v1.0.0-00000000")
    with pytest.raises(NotFoundError):
        await client.feedback("converted", True, service="nobody", unit="cart-17")


async def test_pages_are_newest_first_and_filtered(server, client):
    ids = ids_of(server, 5)
    items = [
        {
            "request_id": each,
            "name": "rating" if n % 2 else "thumbs_up",
            "value": n,
            "at": str(NOW - timedelta(hours=n)),
        }
        for n, each in enumerate(ids)
    ]
    await client.import_feedback(items)
    first = await client.read_feedback(limit=3)
    second = await client.read_feedback(limit=3, cursor=first.next)
    assert [said.value for said in (*first.items, *second.items)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert second.next is None
    assert [said.value for said in (await client.read_feedback(name="rating")).items] == [1.0, 3.0]


async def test_an_applications_key_may_speak_of_its_own_services_and_read_nothing(server):
    await server.key("admin", "admin")
    key = await server.key("app", "invoke", services=("bot",))
    viewer = await server.key("viewer", "viewer")
    own, foreign, unseen = ids_of(server, 3)
    rows = (observation(request_id=own), observation(request_id=foreign, service="shop"))
    await observe(server, *rows)
    async with server.client(key) as client, server.client(viewer) as reader:
        await client.feedback("rating", 5, request_id=own)
        with pytest.raises(ForbiddenError, match="not for the service that answered req_") as refused:
            await client.import_feedback(
                [{"request_id": each, "name": "rating", "value": 1} for each in (own, foreign)]
            )
        assert (refused.value.code, refused.value.where) == ("service_scope", "items[1].request_id")
        await client.feedback("rating", 5, request_id=unseen)
        with pytest.raises(ForbiddenError):
            await client.read_feedback(service="bot")
        with pytest.raises(ForbiddenError, match="key 'app' is for bot, not for the service 'shop'"):
            await client.feedback("rating", 5, service="shop", unit="u")
        with pytest.raises(ForbiddenError):
            await reader.feedback("rating", 5, request_id=own)
        await observe(server, observation(request_id=unseen, service="shop"), boot_id="later")
        await server.control.attribution.attribute()
        standing = {said.request_id: said.standing for said in (await reader.read_feedback()).items}
    assert standing == {own: "uncounted", unseen: "foreign"}
