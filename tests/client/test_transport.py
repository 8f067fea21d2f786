import asyncio

import httpx2
import msgspec
import pytest

from tidegate.client import AsyncClient, Client
from tidegate.errors import (
    CallerError,
    ConflictError,
    ForbiddenError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    OperatorError,
    PreconditionError,
    UnauthenticatedError,
    UpstreamError,
)

FREEZES = {"items": [], "next": None}


class Answers:
    """A server that gives prepared answers and remembers the requests; works for both clients."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append((request.method, request.url.path, dict(request.headers)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("tidegate.client.exchange._FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("tidegate.client.transport._STREAM_PAUSE_SECONDS", 0.0)


def blocking(answers):
    return Client(transport=httpx2.MockTransport(answers))


def problem(status, **fields):
    return httpx2.Response(status, json={"status": status, "detail": "wrong", **fields})


def ok(value=FREEZES, status=200):
    return httpx2.Response(status, json=value)


async def both(answers_of, use):
    """The outcome of the same use of both clients, each against fresh answers; they must agree."""
    first, second = answers_of(), answers_of()
    outcomes = []
    with blocking(first) as client:
        outcomes.append(_outcome(lambda: use(client)))
    async with AsyncClient(transport=httpx2.MockTransport(second)) as client:
        try:
            outcomes.append(await use(client))
        except Exception as error:
            outcomes.append((type(error), str(error)))
    assert outcomes[0] == outcomes[1]
    assert [each[:2] for each in first.requests] == [each[:2] for each in second.requests]
    return outcomes[0], first.requests


def _outcome(act):
    try:
        return act()
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "bad_request", CallerError),
        (401, "unauthenticated", UnauthenticatedError),
        (403, "role_missing", ForbiddenError),
        (404, "unknown_service", NotFoundError),
        (409, "release_running", ConflictError),
        (412, "precondition_failed", PreconditionError),
        (422, "invalid_input", InvalidInputError),
        (500, "internal_error", InternalError),
        (500, "storage_failed", OperatorError),
    ],
)
async def test_problems_become_the_errors_they_were(status, code, expected):
    outcome, _ = await both(
        lambda: Answers(problem(status, code=code, where="there", remedy="mend it")), lambda client: client.freezes()
    )
    assert outcome == (expected, "there: wrong (mend it)")


async def test_a_passing_failure_is_tried_again():
    outcome, requests = await both(
        lambda: Answers(httpx2.ConnectError("refused"), problem(503), httpx2.ReadError("reset"), ok()),
        lambda client: client.freezes(),
    )
    assert outcome.items == ()
    assert len(requests) == 4


async def test_a_failure_that_stays_is_told_with_its_remedy():
    outcome, requests = await both(
        lambda: Answers(*[httpx2.ConnectError("refused")] * 10), lambda client: client.freezes()
    )
    assert outcome[0] is UpstreamError
    assert "tidegate up" in outcome[1]
    assert len(requests) == 4


async def test_a_write_that_is_repeated_carries_the_same_key():
    answers = Answers(httpx2.ReadError("reset"), problem(409, code="release_ended"))
    with blocking(answers) as client, pytest.raises(ConflictError):
        client.abort("rel_1")
    keys = [headers["idempotency-key"] for _, _, headers in answers.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_what_is_wrong_is_not_tried_again():
    _, requests = await both(lambda: Answers(problem(422, code="x"), ok()), lambda client: client.freezes())
    assert len(requests) == 1


async def test_an_answer_of_another_shape_is_no_answer():
    outcome, _ = await both(lambda: Answers(ok({"items": 3})), lambda client: client.freezes())
    assert outcome[0] is UpstreamError


async def test_an_answer_may_know_more_than_this_client():
    outcome, _ = await both(lambda: Answers(ok({**FREEZES, "total": 0})), lambda client: client.freezes())
    assert outcome.items == ()


def event(seq, code="started"):
    fields = {
        "seq": seq,
        "at": "2026-09-15T12:00:00Z",
        "actor": "a",
        "code": code,
        "number": "T1",
        "sentence": "s",
        "detail": {},
    }
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, code.encode(), msgspec.json.encode(fields))


def stream(*parts):
    return httpx2.Response(200, content=b"".join(parts), headers={"content-type": "text/event-stream"})


def test_a_broken_stream_of_events_is_resumed_after_the_last_one():
    answers = Answers(
        stream(event(3), event(4)), httpx2.ReadError("gone"), stream(event(5), b"event: end\ndata: {}\n\n")
    )
    with blocking(answers) as client:
        assert [each.seq for each in client.events("rel_1")] == [3, 4, 5]
    assert [headers.get("last-event-id") for _, _, headers in answers.requests] == [None, "4", "4"]


async def test_the_asynchronous_client_resumes_too():
    answers = Answers(stream(event(3)), stream(event(5), b"event: end\ndata: {}\n\n"))
    async with AsyncClient(transport=httpx2.MockTransport(answers)) as client:
        assert [each.seq async for each in client.events("rel_1")] == [3, 5]
    assert answers.requests[1][2]["last-event-id"] == "3"


def test_a_stream_of_nothing_ends_in_an_error():
    answers = Answers(*[httpx2.ConnectError("refused")] * 10)
    with blocking(answers) as client, pytest.raises(UpstreamError):
        list(client.events("rel_1"))


async def test_the_blocking_client_pushes_exports_and_watches_a_real_server(server, tmp_path):
    root = tmp_path / "bundle"
    (root / "weights").mkdir(parents=True)
    (root / "bundle.yaml").write_text("model: sim/gpt\n")
    (root / "weights" / "w.bin").write_bytes(b"\x00" * 3_000_000)

    def story():
        with server.blocking_client() as client:
            pushed = client.push(root, service="bot")
            with (tmp_path / "bot.tar").open("wb") as file:
                size = client.export(pushed.ref, file)
            release = client.release("bot", pushed.ref)
            client.abort(release.id)
            codes = [each.code for each in client.events(release.id)]
            return pushed, size, client.wait(release.id, timeout=120), codes

    pushed, size, waited, codes = await asyncio.to_thread(story)
    assert pushed.created
    assert size == (tmp_path / "bot.tar").stat().st_size > 3_000_000
    assert (waited.outcome, codes[0]) == ("ended", "submitted")
