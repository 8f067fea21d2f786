"""Requests that find an idle connection go to the upstream and back by callbacks; whatever happens then, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest
from tests.gateway.gateway_bench import Bench, canary, service, until

from tidegate.delivery.snapshot import Timeouts
from tidegate.gateway import attempt as attempts
from tidegate.gateway.http.connection import Connection

BODY = (
    b'{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"fine"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
NO_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\nnope"
BUSY = b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}"
CLOSE, SILENCE = b"close", b"silence"


class Upstream:
    """Answers each request with the next of ``answers``, and with the last of them from then on; an answer is pieces."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, ...]] = [(WHOLE,)]
        self.requests: list[bytes] = []
        self.ended = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(await reader.readexactly(length))
                for piece in self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
                    if piece is CLOSE:
                        return
                    if piece is SILENCE:
                        await reader.read()
                        return
                    writer.write(piece)
                    await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.ended += 1
            writer.close()


IMPATIENT = Timeouts(connect=60.0, first_token=60.0, idle=60.0, total=0.2)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield made
    server.close()


@pytest.fixture
def tasks_made(monkeypatch) -> list[str]:
    """Paths of requests that needed a task."""
    made: list[str] = []
    carry_on = Connection.carry_on

    def counted(self: Connection, rest: Awaitable[None]) -> None:
        made.append(self._responder.request.path)
        carry_on(self, rest)

    monkeypatch.setattr(Connection, "carry_on", counted)
    return made


async def warm(bench: Bench, upstream: Upstream, **settings: int) -> None:
    """Have one idle connection."""
    bench.provide("sim", upstream.url, **settings)
    bench.publish(service())
    assert (await bench.chat()).status_code == 200
    await bench.observations.after(1)
    assert bench.gateway.pool.idle == 1


def assert_nothing_is_held(bench: Bench) -> None:
    assert bench.gateway.in_flight_by_version() == {}
    assert bench.server.in_flight == 0
    [route] = bench.gateway.holder.current.routes.values()
    assert {leg.account.load.in_flight for arm in route.arms for leg in arm.order} == {0}


async def test_an_ordinary_request_needs_no_task(bench, upstream, tasks_made):
    await warm(bench, upstream)
    tasks_made.clear()
    answers = [await bench.chat() for _ in range(3)]
    assert [answer.content for answer in answers] == [BODY] * 3
    assert tasks_made == []
    assert upstream.ended == 0
    rows = await bench.observations.after(4)
    assert [(row.outcome, row.attempts, row.output_tokens) for row in rows] == [("ok", 1, 1)] * 4
    assert_nothing_is_held(bench)


async def test_an_idle_connection_that_had_been_closed_costs_no_attempt(bench, upstream, tasks_made):
    await warm(bench, upstream)
    upstream.answers = [(CLOSE,), (WHOLE,)]
    assert (await bench.chat()).content == BODY
    row = (await bench.observations.after(2))[1]
    assert (row.outcome, row.attempts, row.trail) == ("ok", 1, ())
    assert upstream.requests[1] == upstream.requests[2]
    assert bench.gateway.breaker_states() == ()
    assert_nothing_is_held(bench)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((NO_JSON,), "upstream_error"),
        ((BUSY,), "upstream_error"),
        ((WHOLE[:-20], CLOSE), "truncated"),
        ((WHOLE[:30], CLOSE), "upstream_error"),
        ((b"nonsense\r\n\r\n",), "upstream_error"),
        ((SILENCE,), "timeout"),
    ],
    ids=["no JSON", "500", "half", "half a head", "no HTTP", "silence"],
)
async def test_what_is_no_whole_answer_is_rescued(bench, upstream, answer, outcome):
    await warm(bench, upstream)
    bench.publish(canary(candidate={"timeouts": IMPATIENT} if outcome == "timeout" else {}))
    upstream.answers = [answer, (WHOLE,)]
    assert (await bench.chat()).content == BODY
    row = (await bench.observations.after(2))[1]
    assert (row.outcome, row.assigned_outcome, row.attempts, row.fallbacks) == ("ok", outcome, 2, 1)
    assert_nothing_is_held(bench)


@pytest.mark.parametrize("pieces", [(WHOLE[:30], WHOLE[30:]), (WHOLE[:-20], WHOLE[-20:])], ids=["head", "body"])
async def test_an_answer_in_pieces_is_waited_for(bench, upstream, pieces):
    await warm(bench, upstream)
    upstream.answers = [pieces]
    for _ in range(2):
        assert (await bench.chat()).content == BODY
    assert upstream.ended == 0
    assert_nothing_is_held(bench)


async def test_a_client_that_leaves_cancels_what_no_task_waits_for(bench, upstream, tasks_made):
    await warm(bench, upstream)
    tasks_made.clear()
    upstream.answers = [(SILENCE,)]
    asking = asyncio.ensure_future(bench.chat())
    await until(lambda: len(upstream.requests) == 2)
    assert tasks_made == []
    asking.cancel()
    row = (await bench.observations.after(2))[1]
    assert (row.outcome, row.assigned_outcome, row.status, row.is_estimated) == ("cancelled", "cancelled", 0, True)
    await until(lambda: upstream.ended == 1 and bench.server.in_flight == 0)
    assert bench.gateway.pool.idle == 0
    assert bench.gateway.breaker_states() == ()
    assert_nothing_is_held(bench)


async def test_our_own_bug_is_told_once_and_holds_nothing(bench, upstream, monkeypatch):
    await warm(bench, upstream)
    told: list[Exception] = []
    bench.gateway.report_bug = lambda _, error: told.append(error)

    def broken(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(attempts, "send_whole", broken)
    answer = await bench.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert [type(error) for error in told] == [ZeroDivisionError]
    row = (await bench.observations.after(2))[1]
    assert (row.outcome, row.assigned_outcome) == ("internal_error", "internal_error")
    assert bench.gateway.breaker_states() == ()
    assert_nothing_is_held(bench)


async def test_a_request_keeps_the_table_it_began_with(bench, upstream):
    await warm(bench, upstream)
    upstream.answers = [(WHOLE[:30], WHOLE[30:])]
    asking = asyncio.ensure_future(bench.chat())
    await until(lambda: len(upstream.requests) == 2)
    bench.publish(service(name="another"))
    assert (await asking).content == BODY
    assert [row.revision for row in await bench.observations.after(2)] == [1, 1]


async def test_a_full_provider_is_not_asked_over_an_idle_connection_either(bench, upstream):
    await warm(bench, upstream, max_in_flight=1)
    upstream.answers = [(SILENCE,)]
    asking = asyncio.ensure_future(bench.chat())
    await until(lambda: len(upstream.requests) == 2)
    assert (await bench.chat()).status_code == 429
    asking.cancel()
    await bench.observations.after(3)
    assert_nothing_is_held(bench)
