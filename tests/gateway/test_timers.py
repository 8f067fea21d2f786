"""connect, first_token, idle and total, each with short values."""

from __future__ import annotations

import httpx2
import pytest
from tests.gateway.gateway_bench import Bench, StartSimulator, canary, events, service, text_of, until, variant

from tidegate.delivery.snapshot import Timeouts

HANG_BEFORE_CONTENT = {"kind": "hang", "before": "content", "keepalive_seconds": 0.02}
HANG_BEFORE_HEADERS = {"kind": "hang", "before": "headers"}
HANG_MID_STREAM = {"kind": "hang", "before": "token", "after_tokens": 2}


async def give(bench: Bench, simulate: StartSimulator, fault, *, fallbacks=(), **timeouts: float):
    sim = await simulate({"stable-model": {"faults": [fault], "answer": "one two three four"}})
    bench.provide("sim", sim)
    values = {"connect": 1.0, "first_token": 5.0, "idle": 5.0, "total": 5.0} | timeouts
    bench.publish(service(variant(timeouts=Timeouts(**values), fallbacks=fallbacks)))
    return sim


@pytest.mark.parametrize("fault", [HANG_BEFORE_CONTENT, HANG_BEFORE_HEADERS], ids=["keepalives", "silence"])
async def test_first_token_fails_over_without_waiting_again(bench, simulate, fault):
    sim = await give(bench, simulate, fault, first_token=0.5, fallbacks=("sim/other",))
    answer = await bench.chat(stream=True)
    assert text_of(answer.text) == "fine"
    assert [request.model for request in sim.requests] == ["stable-model", "other"]
    row = (await bench.observations.after(1))[0]
    assert (row.assigned_outcome, row.outcome) == ("timeout", "ok")
    assert row.duration_us >= 500_000
    await until(lambda: sim.stats()["aborted"] == 1)


async def test_first_token_without_a_fallback_is_504(bench, simulate):
    await give(bench, simulate, HANG_BEFORE_CONTENT, first_token=0.2)
    answer = await bench.chat(stream=True)
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "upstream_timeout"


async def test_a_whole_answer_may_take_longer_than_first_token(bench, simulate):
    sim = await simulate({"stable-model": {"first_token_seconds": 0.4}})
    bench.provide("sim", sim)
    bench.publish(service(variant(timeouts=Timeouts(first_token=0.1))))
    assert (await bench.chat()).status_code == 200


async def test_idle_ends_a_stream_that_stalls(bench, simulate):
    sim = await give(bench, simulate, HANG_MID_STREAM, idle=0.2, fallbacks=("sim/other",))
    with pytest.raises(httpx2.RemoteProtocolError, match="peer closed"):
        await bench.chat(stream=True)
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome, row.is_estimated, row.attempts) == ("timeout", "timeout", True, 1)
    assert row.output_tokens == 2
    await until(lambda: sim.stats()["aborted_streams"] == 1)


async def test_idle_does_not_end_a_stream_that_is_only_slow(bench, simulate):
    sim = await simulate({"stable-model": {"answer": "a b c d e f g h", "token_seconds": 0.25}})
    bench.provide("sim", sim)
    bench.publish(service(variant(timeouts=Timeouts(idle=1.4, first_token=5, total=20))))  # shorter than the whole
    assert text_of((await bench.chat(stream=True)).text) == "a b c d e f g h"


async def test_total_bounds_everything(bench, simulate):
    sim = await give(bench, simulate, HANG_BEFORE_HEADERS, total=0.3)
    answer = await bench.chat()
    assert answer.status_code == 504
    assert len(sim.requests) == 1
    assert (await bench.observations.after(1))[0].outcome == "timeout"
    await until(lambda: sim.stats()["aborted"] == 1)


@pytest.mark.parametrize(
    "fault",
    [HANG_BEFORE_HEADERS, {"kind": "endless"}, {"kind": "hang", "before": "content", "keepalive_seconds": 0.02}],
    ids=["silence", "endless", "inside the body"],
)
async def test_a_whole_answer_leaves_its_fallbacks_their_share_of_total(bench, simulate, fault):
    sim = await give(bench, simulate, fault, idle=60.0, total=3.0, fallbacks=("sim/other",))
    answer = await bench.chat()
    assert answer.json()["choices"][0]["message"]["content"] == "fine"
    assert [request.model for request in sim.requests] == ["stable-model", "other"]
    row = (await bench.observations.after(1))[0]
    assert (row.assigned_outcome, row.outcome, row.fallbacks) == ("timeout", "ok", 1)
    assert row.duration_us >= 1_500_000
    await until(lambda: sim.stats()["aborted"] == 1)


async def test_without_an_attempt_left_for_them_fallbacks_have_no_share(bench, simulate):
    sim = await simulate({"stable-model": {"first_token_seconds": 2.2}})
    bench.provide("sim", sim)
    bench.publish(service(variant(timeouts=Timeouts(total=4.0), fallbacks=("sim/other",), max_attempts=1)))
    assert (await bench.chat()).headers["x-tidegate-variant"] == "stable"


async def test_total_ends_a_stream_that_goes_on_for_ever(bench, simulate):
    await give(bench, simulate, {"kind": "endless"}, total=0.4)
    with pytest.raises(httpx2.RemoteProtocolError, match="peer closed"):
        await bench.chat(stream=True)
    assert (await bench.observations.after(1))[0].outcome == "timeout"


async def test_a_candidate_never_takes_the_time_of_its_rescue(bench, simulate):
    sim = await simulate(
        {"candidate-model": {"faults": [HANG_BEFORE_HEADERS]}, "stable-model": {"first_token_seconds": 0.2}}
    )
    bench.provide("sim", sim)
    bench.publish(canary(candidate={"timeouts": Timeouts(total=0.3)}, stable={"timeouts": Timeouts(total=30.0)}))
    answer = await bench.chat()
    assert (answer.status_code, answer.headers["x-tidegate-variant"]) == (200, "stable")
    assert (await bench.observations.after(1))[0].assigned_outcome == "timeout"


async def test_many_timeouts_leave_the_connection_usable(bench, simulate):
    sim = await give(bench, simulate, HANG_BEFORE_HEADERS | {"first": 3}, total=0.1)
    statuses = [(await bench.chat()).status_code for _ in range(3)]
    bench.publish(service(variant(timeouts=Timeouts(total=30.0))))
    statuses.append((await bench.chat()).status_code)
    assert statuses == [504, 504, 504, 200]
    assert bench.server.connections == 1
    assert len(sim.requests) == 4


async def test_the_error_event_of_a_stall_reaches_the_client(bench, simulate):
    await give(bench, simulate, HANG_MID_STREAM, idle=0.2)
    received = bytearray()
    body = {"model": "bot", "stream": True, "messages": [{"role": "user", "content": "hi"}]}

    async def read() -> None:
        async with bench.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for piece in answer.aiter_bytes():
                received.extend(piece)

    with pytest.raises(httpx2.RemoteProtocolError, match="peer closed"):
        await read()
    assert events(received.decode())[-1]["error"]["code"] == "upstream_timeout"


async def test_stable_answers_in_its_own_time_and_not_in_the_candidates(bench, simulate):
    sim = await simulate(
        {"candidate-model": {"faults": [HANG_BEFORE_CONTENT]}, "stable-model": {"first_token_seconds": 0.4}}
    )
    bench.provide("sim", sim)
    bench.publish(canary(candidate={"timeouts": Timeouts(first_token=0.1)}))
    answer = await bench.chat(stream=True)
    assert (answer.status_code, answer.headers["x-tidegate-variant"]) == (200, "stable")
