"""Paths, methods, keys and pages, in the client's dialect."""

from __future__ import annotations

import pytest
from tests.gateway.gateway_bench import (
    KEY,
    OPERATOR_KEY,
    Bench,
    StartSimulator,
    canary,
    chat_body,
    key,
    release,
    service,
    variant,
)

from tidegate.delivery.trace import parse_traceparent, passed_on


@pytest.fixture
async def door(bench: Bench, simulate: StartSimulator) -> Bench:
    bench.provide("sim", await simulate())
    bench.provide("ant", await simulate(), dialect="anthropic")
    bench.publish(service(), service(name="empty", variants=(), stable=None))
    return bench


PATHS = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    ("/v1/completions", {"prompt": "hi"}),
    ("/v1/embeddings", {"input": "hi"}),
    ("/v1/responses", {"input": "hi"}),
]


@pytest.mark.parametrize(("path", "body"), PATHS)
async def test_every_openai_door_serves(door, path, body):
    answer = await door.client.post(path, json={"model": "bot", **body})
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == "stable-model"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-tidegate-version"] == "bot/v1.0.0-aaaaaaaa"
    assert answer.headers["x-tidegate-attempts"] == "1"
    assert (await door.observations.after(1))[0].path == path


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_every_anthropic_door_serves(door, path):
    door.publish(service(variant(provider="ant")))
    body = {"model": "bot", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    answer = await door.client.post(path, json=body, headers={"anthropic-version": "2023-06-01"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


async def test_a_key_is_taken_from_either_header(door):
    for headers in (
        {"authorization": f"bearer {KEY}"},
        {"authorization": "", "x-api-key": KEY},
        {"authorization": "Bearer ignored", "x-api-key": KEY},
        {"authorization": f"Bearer {KEY}", "x-api-key": ""},
    ):
        assert (await door.chat(headers=headers)).status_code == 200


async def test_a_key_taken_away_is_refused_with_the_next_table(door):
    assert (await door.chat()).status_code == 200
    door.publish(service(), keys=())
    assert (await door.chat()).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer wrong"}, {"authorization": ""}, {"authorization": "Basic a"}]
)
async def test_an_unknown_key_is_401_in_openais_words(door, headers):
    answer = await door.chat(headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert "x-tidegate-version" not in answer.headers
    assert not door.observations.rows


async def test_an_unknown_key_is_401_in_anthropics_words(door):
    answer = await door.client.post("/v1/messages", json=chat_body(), headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_open_access_takes_any_credential_or_none(door):
    door.publish(service(), keys=(), open_access=True)
    for headers in ({"authorization": ""}, {"authorization": "Bearer whatever"}):
        assert (await door.chat(headers=headers)).status_code == 200


async def test_roles_and_services_of_a_key_are_kept(door):
    keys = (
        key("viewer", "v", "viewer"),
        key("other", "o", "invoke", services=("else",)),
        key("bot", "b", services=("bot",)),
    )
    door.publish(service(), keys=keys)
    expected = {"v": (403, "missing_role"), "o": (403, "service_not_allowed")}
    for secret, (status, code) in expected.items():
        answer = await door.chat(headers={"authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_an_unknown_service_is_404_and_no_observation(door):
    answer = await door.chat(model="nope")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert not door.observations.rows


async def test_a_service_without_a_version_is_503_and_observed(door):
    answer = await door.chat(model="empty")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_version")
    row = door.observations.only
    assert (row.outcome, row.assigned_outcome, row.status, row.attempts) == ("no_version", "no_version", 503, 0)


@pytest.mark.parametrize(
    "content", [b"{broken", b"[]", b'{"model":1}', b'{"messages":[]}', b'{"model":"a","model":"b"}']
)
async def test_a_malformed_body_is_400(door, content):
    answer = await door.client.post("/v1/chat/completions", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_an_unknown_path_is_404_and_a_wrong_method_405_with_allow(door):
    answer = await door.client.post("/v1/nothing", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_path")
    answer = await door.client.get("/v1/chat/completions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await door.client.delete("/v1/messages", headers={"x-api-key": "k"})
    assert answer.json()["type"] == "error"
    answer = await door.client.post("/v1/models", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_models_are_the_services_a_key_may_use_in_both_shapes(door):
    door.publish(
        service(), service(name="other"), keys=(key("a", KEY, "invoke"), key("b", "b", "invoke", services=("bot",)))
    )
    listed = (await door.client.get("/v1/models")).json()
    assert [model["id"] for model in listed["data"]] == ["bot", "other"]
    assert listed["object"] == "list"
    listed = (
        await door.client.get("/v1/models", headers={"authorization": "Bearer b", "anthropic-version": "2023-06-01"})
    ).json()
    assert [model["id"] for model in listed["data"]] == ["bot"]
    assert (listed["has_more"], listed["first_id"], listed["data"][0]["type"]) == (False, "bot", "model")
    assert (await door.client.get("/v1/models/bot")).json()["object"] == "model"
    assert (await door.client.get("/v1/models/nope")).status_code == 404
    assert (await door.client.get("/v1/models/other", headers={"authorization": "Bearer b"})).status_code == 404
    assert (await door.client.get("/v1/models", headers={"authorization": "Bearer x"})).status_code == 401


async def test_without_a_snapshot_it_is_alive_but_not_ready(bench: Bench):
    assert (await bench.client.get("/healthz")).status_code == 200
    assert (await bench.client.get("/readyz")).status_code == 503
    answer = await bench.chat()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    bench.publish(service(variants=(), stable=None))
    assert (await bench.client.get("/readyz")).status_code == 200
    bench.gateway.is_draining = True
    assert (await bench.client.get("/readyz")).status_code == 503


async def test_only_operators_may_force_a_version(door):
    door.publish(canary(stable={"weight": 10_000}, candidate={"weight": 0}))
    forced = {"x-tidegate-force-version": "candidate"}
    answer = await door.chat(headers=forced)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_role")
    operator = {"authorization": f"Bearer {OPERATOR_KEY}"}
    for reference in ("candidate", "bot/v1.1.0-bbbbbbbb", "bot/v1.1.0", "v1.1.0"):
        answer = await door.chat(headers=operator | {"x-tidegate-force-version": reference})
        assert answer.headers["x-tidegate-variant"] == "candidate"
    assert (await door.chat(headers=operator | {"x-tidegate-force-version": "v9"})).status_code == 404
    rows = await door.observations.after(6)
    assert [row.outcome for row in rows] == ["caller_error", "ok", "ok", "ok", "ok", "caller_error"]
    assert {row.propensity for row in rows} == {0}


async def test_the_first_version_of_a_service_is_probed_before_anybody_is_served(door):
    door.publish(service(variant("candidate", 0), stable=None, release=release()))
    answer = await door.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_version")
    probe = {"authorization": f"Bearer {OPERATOR_KEY}", "x-tidegate-force-version": "candidate"}
    answer = await door.chat(headers=probe)
    assert (answer.status_code, answer.headers["x-tidegate-variant"]) == (200, "candidate")


async def test_the_metrics_page_counts_requests(door):
    await door.chat()
    await door.observations.after(1)
    page = (await door.client.get("/metrics")).text
    assert (
        'tidegate_requests_total{service="bot",version="bot/v1.0.0-aaaaaaaa",variant="stable",outcome="ok"} 1' in page
    )


async def test_provider_keys_go_upstream_and_client_credentials_do_not(door, simulate):
    sim = await simulate()
    door.provide("sim", sim, headers={"X-Team": "shop"})
    door.publish(service())
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await door.chat(headers={"cookie": "session=1", "traceparent": trace, "x-tidegate-unit": "u"})
    await door.chat(headers={"traceparent": "nonsense"})
    first, second = (request.headers for request in sim.requests)
    assert first["authorization"] == "Bearer sim-secret"
    assert first["x-team"] == "shop"
    assert first["accept-encoding"] == "identity"
    row = (await door.observations.after(1))[0]
    assert row.trace == trace
    assert first["traceparent"] == passed_on(parse_traceparent(trace), row.request_id, 1).header
    assert "traceparent" not in second
    assert not {"cookie", "x-tidegate-unit", "x-api-key"} & first.keys()


async def test_what_selects_features_of_a_dialect_goes_upstream_where_it_is_understood(door, simulate):
    sim = await simulate()
    door.provide("ant", sim, dialect="anthropic")
    door.provide("sim", sim)
    door.publish(service(variant(provider="ant")), service(variant(), name="other"))
    beta = {"anthropic-version": "2023-01-01", "anthropic-beta": "tools-2"}
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    for name in ("bot", "other"):
        assert (await door.client.post("/v1/messages", json={"model": name, **body}, headers=beta)).status_code == 200
    same, translated = (request.headers for request in sim.requests)
    assert {name: same[name] for name in beta} == beta
    assert not beta.keys() & translated.keys()


async def test_tokens_are_counted_here_where_the_upstream_cannot(door, simulate):
    sim = await simulate()
    door.provide("sim", sim)
    door.publish(canary())
    body = {"model": "bot", "messages": [{"role": "user", "content": "Hello there"}]}
    answer = await door.client.post("/v1/messages/count_tokens", json=body)
    assert answer.status_code == 200
    assert answer.json()["input_tokens"] > 0
    assert answer.headers["x-tidegate-version"] == "bot/v1.1.0-bbbbbbbb"
    row = door.observations.only
    assert (row.outcome, row.assigned_outcome, row.status, row.served) == ("ok", "ok", 200, "candidate")
    assert (row.own_us, row.cost_nano_usd) == (0, -1)
    assert not sim.requests


async def test_the_upstreams_request_id_comes_back_under_another_name(door):
    answer = await door.chat()
    assert answer.headers["x-upstream-request-id"] == "req_00000001"
    assert answer.headers["x-request-id"] != "req_00000001"


async def test_headers_of_a_failed_attempt_are_not_told_as_those_of_the_answer(door, simulate):
    sim = await simulate({"candidate-model": {"faults": [{"kind": "error", "status": 500}]}})
    door.provide("sim", sim)
    door.publish(canary())
    answer = await door.chat()
    assert answer.headers.get_list("x-upstream-request-id") == ["req_00000002"]
    assert "set-cookie" not in answer.headers
