"""``POST /v1/feedback``: what is taken, what is refused, in whose words."""

from __future__ import annotations

import pytest
from tests.gateway.gateway_bench import KEY, Bench, StartSimulator, chat_body, key, service

from tidegate.delivery.records import FeedbackRecord
from tidegate.delivery.request_id import RequestIds
from tidegate.delivery.traffic import subject_hash


@pytest.fixture
async def door(bench: Bench, simulate: StartSimulator) -> Bench:
    bench.provide("sim", await simulate())
    bench.publish(service(), service(name="shop"))
    return bench


def told(door: Bench) -> list[FeedbackRecord]:
    batch = door.gateway.records.take()
    return list(batch.decoded()) if batch is not None else []


async def served(door: Bench) -> str:
    return (await door.client.post("/v1/chat/completions", json=chat_body())).headers["x-request-id"]


async def test_a_verdict_on_an_answer_is_accepted_at_once_and_recorded_whole(door):
    request_id = await served(door)
    body = {"request_id": request_id, "name": "thumbs_up", "value": True, "comment": "nice", "demonstration": "Hi!"}
    answer = await door.client.post("/v1/feedback", json=body, headers={"idempotency-key": "once"})
    assert answer.status_code == 202
    assert answer.json() == {"object": "feedback", "accepted": True, "name": "thumbs_up", "request_id": request_id}
    (record,) = told(door)
    assert record.value is True
    assert (record.request_id, record.key, record.source, record.once) == (request_id, "shop", "user", "once")
    assert (record.comment, record.demonstration, record.at_us > 0) == ("nice", "Hi!", True)


@pytest.mark.parametrize("value", [False, 4, 4.5, -1, "refund"])
async def test_yes_or_no_numbers_and_categories_are_values(door, value):
    body = {"request_id": await served(door), "name": "said", "value": value}
    assert (await door.client.post("/v1/feedback", json=body)).status_code == 202
    (record,) = told(door)
    assert record.value == value
    assert isinstance(record.value, bool) == isinstance(value, bool)


async def test_a_unit_is_recorded_as_observations_name_it(door):
    headers = {"x-tidegate-unit": "cart-17"}
    await door.client.post("/v1/chat/completions", json=chat_body(), headers=headers)
    body = {"service": "bot", "unit": "cart-17", "name": "converted", "value": True}
    assert (await door.client.post("/v1/feedback", json=body)).status_code == 202
    (record,) = told(door)
    assert (record.service, record.request_id) == ("bot", "")
    observed = (await door.observations.after(1))[0].unit_hash
    assert record.unit_hash == observed == subject_hash("s", "cart-17")


async def test_forged_and_foreign_ids_are_refused_without_a_look_up(door):
    request_id = await served(door)
    foreign = RequestIds(b"another installation", b"abcdef").make(1_700_000_000_000)
    forged = request_id[:-1] + ("A" if request_id[-1] != "A" else "B")
    for wrong in (forged, foreign, "req_", "1", request_id + "x"):
        answer = await door.client.post("/v1/feedback", json={"request_id": wrong, "name": "rating", "value": 1})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "unknown_request_id"
        assert "x-request-id" in answer.json()["error"]["message"]
    assert told(door) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x"}, "it says nothing"),
        ({"name": "Thumbs Up", "value": 1}, "'Thumbs Up' is no name"),
        ({"name": "x", "value": None}, "it says nothing"),
        ({"name": "x", "value": [1]}, "$.value"),
        ({"name": "x", "value": 1e12}, "beyond"),
        ({"name": "x", "value": "a" * 65}, "category"),
        ({"name": "x", "value": ""}, "category"),
        ({"name": "x", "value": 1, "source": "a b"}, "is no source"),
        ({"name": "x", "value": 1, "score": 2}, "score"),
        ({"name": "x", "value": 1, "comment": "c" * 40_000}, "longer than"),
        ({"value": 1}, "name"),
    ],
)
async def test_what_is_wrong_is_told_with_its_field(door, body, said):
    answer = await door.client.post("/v1/feedback", json={"request_id": await served(door), **body})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert told(door) == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "it names no request"),
        ({"unit": "u", "user": "v", "service": "bot"}, "unit and user"),
        ({"conversation": "c"}, "name the service"),
    ],
)
async def test_it_must_name_one_thing(door, target, said):
    answer = await door.client.post("/v1/feedback", json={"name": "x", "value": 1, **target})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


async def test_no_json_nothing_and_too_much_are_refused(door, monkeypatch):
    for content in (b"", b"[1]", b"{", b"\xff"):
        assert (await door.client.post("/v1/feedback", content=content)).status_code == 400
    assert (await door.client.post("/v1/feedback", content=b"x" * 300_000)).status_code == 413


async def test_other_methods_are_refused(door):
    answer = await door.client.get("/v1/feedback")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_stranger_is_refused_and_an_anthropic_client_reads_its_own_dialect(door):
    headers = {"authorization": "Bearer nobody's", "anthropic-version": "2023-06-01"}
    answer = await door.client.post("/v1/feedback", json={}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


async def test_a_key_speaks_of_the_units_of_its_services_only_and_control_learns_which_those_are(door):
    request_id = await served(door)
    door.publish(service(), service(name="shop"), keys=(key("app", KEY, "invoke", services=("shop",)),))
    unit = {"unit": "u", "name": "x", "value": 1}
    refused = await door.client.post("/v1/feedback", json=unit | {"service": "bot"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "service_not_allowed")
    unknown = await door.client.post("/v1/feedback", json=unit | {"service": "nobody"})
    assert unknown.status_code == 404
    assert (await door.client.post("/v1/feedback", json=unit | {"service": "shop"})).status_code == 202
    taken = await door.client.post("/v1/feedback", json={"request_id": request_id, "name": "x", "value": 1})
    assert taken.status_code == 202
    assert [record.services for record in told(door)] == [("shop",), ("shop",)]


async def test_before_the_first_snapshot_it_asks_to_come_again(bench):
    answer = await bench.client.post("/v1/feedback", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
