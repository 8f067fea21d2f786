"""The connection itself: the same on uvloop, patient with slow readers, quick to notice who leaves."""

import asyncio
import json

import pytest
import uvloop

from tidegate.simulator import Simulator

BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]})
REQUEST = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n\r\n{BODY}".encode()


@pytest.mark.parametrize(
    ("fault", "ending", "text"),
    [
        ({"kind": "reset"}, "reset", None),
        ({"kind": "reset", "before": "token", "after_tokens": 2}, "reset", "one two"),
        ({"kind": "closed"}, "closed", None),
        ({"kind": "truncate", "by": "chunk", "after_tokens": 2}, "closed", "one two"),
        ({"kind": "truncate", "by": "cut", "after_tokens": 2}, "whole", "one two"),
        ({"kind": "hang", "before": "token", "after_tokens": 2}, "quiet", "one two"),
    ],
)
def test_faults_look_the_same_on_uvloop(bench, fault, ending, text):
    async def run():
        async with bench(answer="one two three", faults=[fault]) as it:
            return await it.raw_chat(stream=True, quiet_after=0.3 if ending == "quiet" else 5)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answer = runner.run(run())
    assert answer.ending == ending
    if text is None:
        assert answer.raw == b""
    else:
        assert text.startswith(answer.text)
        assert answer.text


async def test_a_slow_reader_pauses_an_endless_stream(bench):
    async with bench(answer="x " * 100_000, stream={"events_per_write": 1000}) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.sim.port, limit=1024)
        writer.write(REQUEST)
        await asyncio.sleep(0.3)
        assert it.sim.requests[0].outcome == "running"
        size = 0
        while data := await asyncio.wait_for(reader.read(1 << 20), 120):
            size += len(data)
            if data.endswith(b"0\r\n\r\n"):
                break
        assert size > 10_000_000
        await asyncio.sleep(0.01)
        assert it.sim.requests[0].outcome == "completed"
        writer.close()


@pytest.mark.parametrize("place", ["headers", "content", "token"])
async def test_a_client_leaving_a_hang_is_noticed_at_once(place):
    fault = {"kind": "hang", "before": place, "keepalive_seconds": 60}
    async with Simulator({"models": {"*": {"faults": [fault]}}}) as sim:
        _, writer = await asyncio.open_connection("127.0.0.1", sim.port)
        writer.write(REQUEST)
        await asyncio.sleep(0.05)
        assert sim.stats()["concurrent"] == 1
        writer.close()
        await asyncio.sleep(0.05)
        assert (sim.stats()["concurrent"], sim.stats()["aborted_streams"]) == (0, 1)


async def test_a_client_that_expects_100_is_told_to_continue(bench):
    async with bench() as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.sim.port)
        head, _, body = REQUEST.partition(b"\r\n\r\n")
        writer.write(head + b"\r\nexpect: 100-continue\r\n\r\n")
        assert await asyncio.wait_for(reader.readline(), 120) == b"HTTP/1.1 100 Continue\r\n"
        writer.write(body)
        assert b" 200 OK" in await asyncio.wait_for(reader.readuntil(b"event-stream"), 120)
        writer.close()


async def test_a_connection_is_kept_unless_the_client_wants_it_closed(bench):
    async with bench() as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.sim.port)
        for _ in range(2):
            writer.write(REQUEST)
            await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 120)
        writer.write(REQUEST.replace(b"host: x", b"host: x\r\nconnection: close"))
        rest = await asyncio.wait_for(reader.read(-1), 120)
        assert rest.endswith(b"\r\n0\r\n\r\n")
        writer.close()
