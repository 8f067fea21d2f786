"""The official OpenAI client: every failure as its own exception, retries, timeouts, leaving early."""

from __future__ import annotations

import time

import openai
import pytest
from tests.e2e.clients.services import ANSWER, NARROW_KEY

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client, model, **settings):
    return client.chat.completions.create(model=model, messages=HELLO, **settings)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "expected", "status"),
    [
        ("bad-request", openai.BadRequestError, 400),
        ("too-long", openai.BadRequestError, 400),
        ("filtered-prompt", openai.BadRequestError, 400),
        ("limited", openai.RateLimitError, 429),
        ("broken", openai.InternalServerError, 500),
        ("refused-credential", openai.InternalServerError, 502),
        ("missing-model", openai.InternalServerError, 502),
        ("overloaded", openai.InternalServerError, 529),
    ],
)
def test_failures_of_the_model(openai_client, services, behaviour, expected, status, is_streamed):
    with pytest.raises(expected) as caught:
        ask(openai_client, services[behaviour], stream=is_streamed)
    assert caught.value.status_code == status
    assert caught.value.request_id.startswith("req_")
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]


def test_the_models_own_words_reach_the_caller(openai_client, services):
    with pytest.raises(openai.BadRequestError, match="out of range"):
        ask(openai_client, services["bad-request"])


def test_codes_that_callers_act_on(openai_client):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(openai_client, "too-long-on-openai")
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(openai_client, "filtered-prompt-on-openai")
    assert caught.value.code == "content_filter"
    with pytest.raises(openai.RateLimitError) as caught:
        ask(openai_client, "unpaid-on-openai")
    assert caught.value.code == "insufficient_quota"


def test_when_to_come_back(openai_client, services):
    with pytest.raises(openai.RateLimitError) as caught:
        ask(openai_client, services["limited"])
    assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key(openai_client, services, simulator):
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(openai_client.with_options(api_key="wrong"), services["plain"])
    assert caught.value.code == "invalid_api_key"
    assert simulator.stats()["requests"] == 0


def test_a_key_without_the_service(openai_client, services):
    narrow = openai_client.with_options(api_key=NARROW_KEY)
    assert ask(narrow, services["plain"]).choices[0].message.content == ANSWER
    with pytest.raises(openai.PermissionDeniedError) as caught:
        ask(narrow, services["prompted"])
    assert caught.value.code == "service_not_allowed"
    assert sorted(model.id for model in narrow.models.list()) == ["plain-on-anthropic", "plain-on-openai"]


def test_an_unknown_service(openai_client):
    with pytest.raises(openai.NotFoundError, match="there is no service 'nobody'") as caught:
        ask(openai_client, "nobody")
    assert caught.value.code == "model_not_found"


def test_a_request_that_makes_no_sense(openai_client, services):
    with pytest.raises(openai.BadRequestError):
        openai_client.chat.completions.create(model=services["plain"], messages="Hello")


def test_the_client_waits_as_long_as_asked_and_tries_again(openai_client, services, simulator):
    began = time.monotonic()
    answer = ask(openai_client.with_options(max_retries=2), services["limited-once"])
    assert answer.choices[0].message.content == ANSWER
    assert time.monotonic() - began >= 0.9  # without retry-after it waits half a second at most
    simulator.until(lambda counts: counts["by_status"] == {"429": 1, "200": 1})


def test_the_client_tries_again_after_a_server_error(openai_client, services, simulator):
    answer = ask(openai_client.with_options(max_retries=2), services["broken-once"])
    assert answer.choices[0].message.content == ANSWER
    simulator.until(lambda counts: counts["by_status"] == {"500": 1, "200": 1})


@pytest.mark.parametrize("behaviour", ["error-midway", "cut-midway", "reset-midway"])
def test_an_error_midway_is_raised(openai_client, services, behaviour):
    received: list[str] = []
    with ask(openai_client, services[behaviour], stream=True) as stream, pytest.raises(openai.APIError):
        received.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert any(received)
    assert ANSWER.startswith("".join(received))


def test_the_helper_raises_an_error_midway(openai_client, services):
    with (
        openai_client.chat.completions.stream(model=services["error-midway"], messages=HELLO) as stream,
        pytest.raises(openai.APIError, match="overloaded"),
    ):
        stream.get_final_completion()


def test_the_clients_own_timeout(openai_client, services, simulator):
    began = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        ask(openai_client.with_options(timeout=0.3), services["silent"])
    assert time.monotonic() - began < 5
    assert simulator.until(lambda counts: counts["aborted"] == 1)["aborted_streams"] == 0


def test_the_clients_own_timeout_within_a_stream(openai_client, services, simulator):
    with (
        ask(openai_client.with_options(timeout=0.5), services["stalling"], stream=True) as stream,
        pytest.raises(openai.APITimeoutError),
    ):
        list(stream)
    simulator.until(lambda counts: counts["aborted_streams"] == 1)


def test_leaving_a_stream_reaches_the_upstream(openai_client, services, simulator):
    with ask(openai_client, services["long"], stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        assert simulator.stats()["concurrent"] == 1
    counts = simulator.until(lambda counts: counts["concurrent"] == 0)
    assert counts["aborted_streams"] == 1


async def test_a_cancelled_task_reaches_the_upstream(async_openai, services, simulator):
    import asyncio

    task = asyncio.create_task(async_openai.chat.completions.create(model=services["silent"], messages=HELLO))
    while simulator.stats()["concurrent"] == 0:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while simulator.stats()["aborted"] == 0:
        await asyncio.sleep(0.01)
