from datetime import UTC, datetime

import httpx2
import msgspec
import pytest

from tidegate.controller.clock import ManualClock
from tidegate.controller.probe import ProbeCredential, Prober, ProbeUnansweredError, choose_gateway, plan
from tidegate.delivery.release_spec import ProbeSpec
from tidegate.registry.keys import key_digest

REFERENCE = "bot/v1.1.0-3fa9c1d2"
NAMED = {"x-tidegate-version": REFERENCE, "x-tidegate-attempts": "1"}


def spec(requests: int = 1, **smoke) -> ProbeSpec:
    cases = [{"messages": [{"role": "user", "content": "ping"}], **smoke}] if smoke else []
    return msgspec.convert({"requests": requests, "smoke": cases}, ProbeSpec)


def completion(text: str | None = "ready", finish_reason: str | None = "stop") -> dict:
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}]}


class Front:
    """A gateway that answers as told and keeps what it was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []
        self.credential = ProbeCredential()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def probe(self, wanted: ProbeSpec, endpoint: str = "chat", address: str = "0.0.0.0:7400"):
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(self)) as client:
            prober = Prober(client, self.credential, ManualClock(datetime(2026, 9, 15, tzinfo=UTC)))
            return await prober.run(
                address,
                service="bot",
                reference=REFERENCE,
                attempt=3,
                spec=wanted,
                endpoint=endpoint,
                request_seconds=5,
            )


def ok(body: dict | None = None) -> httpx2.Response:
    return httpx2.Response(200, headers=NAMED, json=body or completion())


async def test_every_probe_forces_the_candidate_with_the_key_that_snapshots_carry():
    front = Front(ok())
    report = await front.probe(spec(3))
    assert (report.result.attempt, report.result.answered, report.result.failed) == (3, 3, 0)
    for request in front.asked:
        assert str(request.url) == "http://127.0.0.1:7400/v1/chat/completions"
        assert request.headers["x-tidegate-force-version"] == REFERENCE
        secret = request.headers["authorization"].removeprefix("Bearer ")
        assert key_digest(secret) == front.credential.key.sha256
        assert msgspec.json.decode(request.content)["model"] == "bot"
    assert set(front.credential.key.roles) == {"invoke", "operator"}


async def test_the_first_failure_ends_the_probe_and_says_what_was_answered():
    front = Front(ok(), httpx2.Response(400, headers=NAMED, json={"error": {"message": "no such model"}}))
    report = await front.probe(spec(5))
    assert (report.result.answered, report.result.failed) == (1, 1)
    assert "400" in report.result.detail
    assert "no such model" in report.result.detail
    assert len(front.asked) == 2


async def test_a_failed_attempt_counts_though_the_error_names_no_version():
    front = Front(httpx2.Response(502, headers={"x-tidegate-attempts": "1"}, json={"error": {"message": "reset"}}))
    assert (await front.probe(spec())).result.failed == 1


async def test_a_gateway_that_can_never_ask_the_provider_fails_the_candidate_and_says_why():
    error = {"code": "provider_unusable", "message": "The provider 'openai' cannot be used: OPENAI_API_KEY is not set"}
    front = Front(httpx2.Response(502, headers={"x-tidegate-attempts": "0"}, json={"error": error}))
    result = (await front.probe(spec())).result
    assert result.failed == 1
    assert "OPENAI_API_KEY is not set" in result.detail


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(404, json={"error": {"code": "version_not_found"}}),
        httpx2.Response(503, headers={"x-tidegate-attempts": "0"}),
        httpx2.Response(200, headers={"x-tidegate-version": "bot/v1.0.0-00000000"}, json=completion()),
        httpx2.Response(401),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
    ],
)
async def test_what_does_not_come_from_the_candidate_says_nothing_of_it(answer):
    with pytest.raises(ProbeUnansweredError):
        await Front(answer).probe(spec())


@pytest.mark.parametrize(
    "body",
    [{}, {"choices": []}, {"choices": [{}]}, completion(finish_reason=None), {"choices": [{"message": None}]}],
)
async def test_an_answer_that_is_not_whole_is_a_failure(body):
    front = Front(httpx2.Response(200, headers=NAMED, json=body))
    assert (await front.probe(spec())).result.failed == 1


async def test_a_body_that_is_no_json_is_a_failure():
    front = Front(httpx2.Response(200, headers=NAMED, content=b"<html>"))
    assert (await front.probe(spec())).result.failed == 1


async def test_an_answer_that_only_calls_tools_is_whole():
    assert (await Front(ok(completion(text=None, finish_reason="tool_calls"))).probe(spec())).result.failed == 0


@pytest.mark.parametrize(("text", "failed"), [("PONG pong", 0), ("sorry", 1)])
async def test_smoke_requests_are_held_to_their_expectations(text, failed):
    report = await Front(ok(completion(text=text))).probe(spec(0, expect={"contains": "pong"}))
    assert report.result.failed == failed
    assert [answer.is_smoke for answer in report.answers] == [True]
    assert report.answers[0].excerpt == text


async def test_embedding_versions_are_probed_with_embeddings():
    front = Front(ok({"data": [{"embedding": [0.1, 0.2]}]}))
    assert (await front.probe(spec(), endpoint="embeddings")).result.answered == 1
    assert front.asked[0].url.path == "/v1/embeddings"
    assert (await Front(ok({"data": [{"embedding": []}]})).probe(spec(), endpoint="embeddings")).result.failed == 1


def test_at_least_one_probe_is_sent():
    assert len(plan("bot", spec(0), "chat")) == 1
    assert len(plan("bot", spec(0, expect={}), "chat")) == 1
    assert len(plan("bot", spec(2, expect={}), "chat")) == 3


def test_another_gateway_each_time():
    assert [choose_gateway(["a", "b"], attempt) for attempt in range(3)] == ["a", "b", "a"]
    assert choose_gateway([], 0) is None


async def test_an_ipv6_gateway_is_reached():
    front = Front(ok())
    await front.probe(spec(), address="::1:7400")
    assert str(front.asked[0].url) == "http://[::1]:7400/v1/chat/completions"
