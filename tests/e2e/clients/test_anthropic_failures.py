"""The official Anthropic client: every failure as its own exception, retries, timeouts, leaving early."""

from __future__ import annotations

import asyncio
import time

import anthropic
import pytest
from tests.e2e.clients.services import ANSWER, NARROW_KEY

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client, model, **settings):
    return client.messages.create(**({"model": model, "max_tokens": 2_500, "messages": HELLO} | settings))


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "expected", "status", "kind"),
    [
        ("bad-request", anthropic.BadRequestError, 400, "invalid_request_error"),
        ("too-long", anthropic.BadRequestError, 400, "invalid_request_error"),
        ("filtered-prompt", anthropic.BadRequestError, 400, "invalid_request_error"),
        ("limited", anthropic.RateLimitError, 429, "rate_limit_error"),
        ("broken", anthropic.InternalServerError, 500, "api_error"),
        ("refused-credential", anthropic.InternalServerError, 502, "api_error"),
        ("missing-model", anthropic.InternalServerError, 502, "api_error"),
        ("overloaded", anthropic.APIStatusError, 529, "overloaded_error"),
    ],
)
def test_failures_of_the_model(anthropic_client, services, behaviour, expected, status, kind, is_streamed):
    with pytest.raises(expected) as caught:
        ask(anthropic_client, services[behaviour], stream=is_streamed)
    assert caught.value.status_code == status
    assert caught.value.request_id.startswith("req_")
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.body["error"]["message"]


def test_the_models_own_words_reach_the_caller(anthropic_client, services):
    with pytest.raises(anthropic.BadRequestError, match="out of range"):
        ask(anthropic_client, services["bad-request"])


def test_when_to_come_back(anthropic_client, services):
    with pytest.raises(anthropic.RateLimitError) as caught:
        ask(anthropic_client, services["limited"])
    assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key(anthropic_client, services, simulator):
    with pytest.raises(anthropic.AuthenticationError):
        ask(anthropic_client.with_options(api_key="wrong"), services["plain"])
    assert simulator.stats()["requests"] == 0


def test_a_key_without_the_service(anthropic_client, services):
    narrow = anthropic_client.with_options(api_key=NARROW_KEY)
    assert ask(narrow, services["plain"]).content[0].text == ANSWER
    with pytest.raises(anthropic.PermissionDeniedError):
        ask(narrow, services["prompted"])
    assert [model.id for model in narrow.models.list()] == ["plain-on-anthropic", "plain-on-openai"]


def test_an_unknown_service(anthropic_client):
    with pytest.raises(anthropic.NotFoundError, match="there is no service 'nobody'"):
        ask(anthropic_client, "nobody")


def test_a_request_that_makes_no_sense(anthropic_client, services):
    with pytest.raises(anthropic.BadRequestError):
        ask(anthropic_client, services["plain"], messages=[{"role": "nobody", "content": [1]}])


def test_the_client_waits_as_long_as_asked_and_tries_again(anthropic_client, services, simulator):
    began = time.monotonic()
    answer = ask(anthropic_client.with_options(max_retries=2), services["limited-once"])
    assert answer.content[0].text == ANSWER
    assert time.monotonic() - began >= 0.9  # without retry-after it waits half a second at most
    simulator.until(lambda counts: counts["by_status"] == {"429": 1, "200": 1})


def test_the_client_tries_again_after_a_server_error(anthropic_client, services, simulator):
    answer = ask(anthropic_client.with_options(max_retries=2), services["broken-once"])
    assert answer.content[0].text == ANSWER
    simulator.until(lambda counts: counts["by_status"] == {"500": 1, "200": 1})


@pytest.mark.parametrize("behaviour", ["error-midway", "cut-midway", "reset-midway"])
def test_an_error_midway_is_raised(anthropic_client, services, behaviour):
    received: list[str] = []
    with (
        anthropic_client.messages.stream(model=services[behaviour], max_tokens=500, messages=HELLO) as stream,
        pytest.raises(anthropic.APIError),
    ):
        received.extend(stream.text_stream)
    assert received
    assert ANSWER.startswith("".join(received))


def test_the_clients_own_timeout(anthropic_client, services, simulator):
    began = time.monotonic()
    with pytest.raises(anthropic.APITimeoutError):
        ask(anthropic_client.with_options(timeout=0.3), services["silent"])
    assert time.monotonic() - began < 5
    assert simulator.until(lambda counts: counts["aborted"] == 1)["aborted_streams"] == 0


def test_leaving_a_stream_reaches_the_upstream(anthropic_client, services, simulator):
    with anthropic_client.messages.stream(model=services["long"], max_tokens=2_500, messages=HELLO) as stream:
        next(iter(stream.text_stream))
        assert simulator.stats()["concurrent"] == 1
    assert simulator.until(lambda counts: counts["concurrent"] == 0)["aborted_streams"] == 1


async def test_a_cancelled_task_reaches_the_upstream(async_anthropic, services, simulator):
    task = asyncio.create_task(ask(async_anthropic, services["silent"]))
    while simulator.stats()["concurrent"] == 0:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while simulator.stats()["aborted"] == 0:
        await asyncio.sleep(0.01)
