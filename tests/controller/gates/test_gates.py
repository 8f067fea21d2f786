"""One suite over every kind of gate, and what is special of each."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import httpx2
import msgspec
import pytest

from tidegate.controller.clock import ManualClock
from tidegate.controller.gates.asking import Question, read_report
from tidegate.controller.gates.command import CommandGate
from tidegate.controller.gates.http import HttpGate
from tidegate.controller.gates.running import Gates
from tidegate.controller.programs import ProgramSettings
from tidegate.delivery.gate_spec import GateSpec
from tidegate.delivery.gates import GateReport
from tidegate.delivery.quantities import Comparison, Seconds
from tidegate.stats.verdict import Verdict

PROGRAMS = ProgramSettings(is_enabled=True, environment={"PATH": os.defpath})


def question(**spec) -> Question:
    return Question(
        key="rel_1/1/0/run_gate:0",
        spec=GateSpec(**spec),
        number=0,
        service="bot",
        version="bot/v1.1.0-22222222",
        stable="bot/v1.0.0-11111111",
        release="rel_1",
        attempt=1,
        gateway="http://127.0.0.1:7400",
    )


class Service:
    """A gate's service that answers what it is told to."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def command(code: str) -> str:
    return f'"{sys.executable}" -c "{code}" {{version}}'


def make_command(score, samples, is_success):
    printed = (
        "" if score is None else f"import json; print('log'); print(json.dumps(dict(score={score}, n={samples})));"
    )
    gate = CommandGate(PROGRAMS)
    return gate, question(command=command(f"{printed} raise SystemExit({0 if is_success else 1})".strip()))


def make_http(score, samples, is_success):
    answer = httpx2.Response(200 if is_success else 400, json={} if score is None else {"score": score, "n": samples})
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(Service(answer)))
    return HttpGate(client), question(http="https://eval.example/run")


@pytest.mark.parametrize("make", [make_command, make_http], ids=["command", "http"])
@pytest.mark.parametrize(("score", "samples"), [(0.87, 200), (None, None)])
@pytest.mark.parametrize("is_success", [True, False])
async def test_success_and_score_are_reported(make, score, samples, is_success):
    gate, asked = make(score, samples, is_success)
    report = await gate.ask(asked)
    assert report.is_known
    assert report.is_success is is_success
    if is_success:
        assert (report.score, report.samples) == (score, samples)


async def test_a_program_is_told_of_whom_and_where():
    code = "import os, sys; print(sys.argv[1], os.environ['TIDEGATE_STABLE'], os.environ['TIDEGATE_GATEWAY_URL'], os.environ['TIDEGATE_GATE_KEY'])"
    report = await CommandGate(PROGRAMS).ask(question(command=command(code)))
    assert report.excerpt == "bot/v1.1.0-22222222 bot/v1.0.0-11111111 http://127.0.0.1:7400 rel_1/1/0/run_gate:0"


async def test_a_program_that_takes_too_long_teaches_nothing():
    asked = question(command=command("import time; time.sleep(600)"), timeout=Seconds(0.2))
    report = await CommandGate(PROGRAMS).ask(asked)
    assert not report.is_known
    assert "cut short" in report.ended


async def test_a_program_that_is_not_there_teaches_nothing():
    report = await CommandGate(PROGRAMS).ask(question(command="/nowhere/eval"))
    assert not report.is_known
    assert "could not be started" in report.ended


async def test_a_service_is_asked_again_under_the_same_key_until_it_is_done(monkeypatch):
    monkeypatch.setattr("tidegate.controller.gates.http._PAUSE_SECONDS", 0.0)
    service = Service(
        httpx2.Response(202),
        httpx2.Response(503),
        httpx2.ConnectError("refused"),
        httpx2.Response(200, json={"score": 1}),
    )
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(service))
    report = await HttpGate(client).ask(question(http="https://eval.example/run"))
    assert (report.is_success, report.score) == (True, 1)
    assert {request.headers["idempotency-key"] for request in service.asked} == {"rel_1/1/0/run_gate:0"}
    assert msgspec.json.decode(service.asked[0].content)["version"] == "bot/v1.1.0-22222222"


async def test_a_service_that_is_never_done_teaches_nothing(monkeypatch):
    monkeypatch.setattr("tidegate.controller.gates.http._PAUSE_SECONDS", 0.01)
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(Service(httpx2.Response(202))))
    report = await HttpGate(client).ask(question(http="https://eval.example/run", timeout=Seconds(0.1)))
    assert not report.is_known
    assert "it answered 202" in report.ended


async def test_a_redirect_is_not_followed():
    service = Service(httpx2.Response(302, headers={"location": "http://169.254.169.254/"}))
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(service))
    report = await HttpGate(client).ask(question(http="https://eval.example/run"))
    assert not report.is_success
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("text", "score", "n"),
    [
        ('{"score": 0.5, "n": 3}', 0.5, 3),
        ('loading\n{"score": 0.5}\nbye', 0.5, None),
        ('{"score": 0.1}\n{"score": 0.9}', 0.9, None),
        ('{\n "score": 0.5\n}', 0.5, None),
        ('{"score": "high"}', None, None),
        ('{"loss": 1}', None, None),
        ("", None, None),
        ('{"score": NaN}', None, None),
    ],
)
def test_the_last_report_counts(text, score, n):
    found = read_report(text)
    assert (found.score, found.n) == (score, n)


class Slow:
    """A gate that answers when it is let."""

    def __init__(self) -> None:
        self.is_let = asyncio.Event()
        self.asked: list[str] = []
        self.ended: list[str] = []

    async def ask(self, question):
        self.asked.append(question.key)
        try:
            await self.is_let.wait()
        finally:
            self.ended.append(question.key)
        return GateReport(is_success=True, ended="it exited with 0", score=0.9, samples=100)


async def unrecorded(_question, _result) -> None:
    """Nobody keeps the answer."""


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def gates(slow):
    return Gates({"command": slow}, ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), lambda: None, unrecorded)


async def test_a_question_is_asked_once_however_often_it_is_wished_for(gates, slow):
    asked = question(command="x", score=Comparison(">= 0.8"))
    for _ in range(3):
        gates.ask(asked)
        await asyncio.sleep(0)
    assert slow.asked == [asked.key]
    slow.is_let.set()
    await gates.settle()
    gates.ask(asked)  # the answer is not committed yet, so it is wished for again
    await gates.settle()
    assert slow.asked == [asked.key]
    (result,) = gates.answers_of("rel_1")
    assert (result.verdict, result.score, result.version) == (Verdict.PASS, 0.9, asked.version)


async def test_a_release_that_left_gating_ends_what_was_asked(gates, slow):
    gates.ask(question(command="x"))
    await asyncio.sleep(0)
    gates.forget("rel_1")
    await asyncio.sleep(0)
    assert slow.ended == slow.asked
    assert gates.answers_of("rel_1") == ()


async def test_an_adapter_that_crashes_is_no_evidence():
    class Broken:
        async def ask(self, question):
            raise RuntimeError("a bug of ours")

    gates = Gates({"command": Broken()}, ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), lambda: None, unrecorded)
    gates.ask(question(command="x"))
    await gates.settle()
    assert gates.answers_of("rel_1")[0].verdict is Verdict.NO_DATA
