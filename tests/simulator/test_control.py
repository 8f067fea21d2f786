"""The control surface, the journal, outages and the simulator as a process."""

import asyncio
import json
import signal
import subprocess
import sys

import httpx2
import pytest

from tidegate.errors import InvalidInputError, OperatorError
from tidegate.simulator import Behaviour, Scenario, Simulator
from tidegate.simulator.__main__ import main
from tidegate.simulator.presets import demo_scenario


@pytest.fixture
def control(bench):
    """A client of the control surface beside the SDKs."""

    class Control:
        async def __aenter__(self):
            self._bench = bench(answer="one", usage="never")
            self.it = await self._bench.__aenter__()
            self.http = httpx2.AsyncClient(base_url=f"{self.it.sim.url}/simulator")
            return self.it, self.http

        async def __aexit__(self, *failure):
            await self.http.aclose()
            await self._bench.__aexit__(*failure)

    return Control


async def test_a_scenario_is_read_and_replaced(control):
    async with control() as (it, http):
        before = (await http.get("/scenario")).json()
        assert before["models"]["*"] == {"answer": "one", "usage": "never"}
        answer = await http.put("/scenario", content="models: {m: {answer: two}}")
        assert answer.status_code == 200
        assert await it.answer() == "two"
        assert (await http.put("/scenario", json=before)).status_code == 200
        assert await it.answer() == "one"


async def test_one_model_is_patched_and_others_stay(control):
    async with control() as (it, http):
        answer = await http.patch("/models/org%2Fm", json={"answer": "patched"})
        assert answer.json() == {"answer": "patched", "usage": "never"}
        assert await it.answer(model="org/m") == "patched"
        assert await it.answer(model="other") == "one"
        assert "org/m" in (await http.get("/scenario")).json()["models"]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("PUT", "/scenario", b'{"modles": {}}', 422),
        ("PUT", "/scenario", b"[", 422),
        ("PATCH", "/models/m", b'{"anwser": 1}', 422),
        ("PATCH", "/models/m", b"[]", 422),
        ("PATCH", "/models/m", b"{", 422),
        ("POST", "/outage", b'{"seconds": 0}', 422),
        ("GET", "/requests?limit=many", b"", 422),
        ("GET", "/nothing", b"", 404),
        ("DELETE", "/scenario", b"", 404),
    ],
)
async def test_wrong_control_requests_are_refused_and_change_nothing(control, method, path, content, status):
    async with control() as (it, http):
        answer = await http.request(method, path, content=content)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
        assert await it.answer() == "one"


async def test_the_journal_holds_bodies_headers_and_counts(control):
    async with control() as (it, http):
        await it.chat("first", extra_headers={"x-mark": "7"})
        await it.chunks("second")
        it.sim.patch("bad", faults=[{"kind": "error", "status": 503}])
        await it.raw_chat(model="bad")
        stats = (await http.get("/stats")).json()
        assert stats["requests"] == 3
        assert stats["by_model"] == {"m": 2, "bad": 1}
        assert stats["by_status"] == {"200": 2, "503": 1}
        assert stats["by_fault"] == {"error": 1}
        requests = (await http.get("/requests")).json()
        assert [entry["outcome"] for entry in requests] == ["completed"] * 3
        assert requests[0]["body"]["messages"][0]["content"] == "first"
        assert requests[0]["headers"]["x-mark"] == "7"
        assert [entry["is_stream"] for entry in requests] == [False, True, False]
        assert [entry["number"] for entry in (await http.get("/requests?limit=1")).json()] == [3]
        assert it.sim.requests[1].body["stream"] is True


async def test_the_journal_keeps_as_many_as_told(bench):
    async with bench({"keep_requests": 2, "models": {"*": {}}}) as it:
        for text in "abc":
            await it.chat(text)
        assert [entry.body["messages"][0]["content"] for entry in it.sim.requests] == ["b", "c"]
        assert it.sim.stats()["requests"] == 3


async def test_a_reset_forgets_counts_and_keeps_the_scenario(control):
    async with control() as (it, http):
        it.sim.patch("m", answer="{{ count }}")
        assert [await it.answer(), await it.answer()] == ["1", "2"]
        assert (await http.post("/reset")).json()["requests"] == 0
        assert it.sim.requests == []
        assert await it.answer() == "1"


async def test_a_client_that_leaves_is_counted_and_no_longer_concurrent(bench):
    async with bench(answer="a b c d", token_seconds=5) as it:
        stream = await it.chat(stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        assert it.sim.stats()["concurrent"] == 1
        assert it.sim.requests[0].outcome == "running"
        await stream.close()
        await asyncio.sleep(0.05)
        stats = it.sim.stats()
        assert (stats["concurrent"], stats["aborted_streams"], stats["most_concurrent"]) == (0, 1, 1)
        assert it.sim.requests[0].outcome == "aborted"


async def test_an_outage_refuses_connections_and_ends(bench):
    async with bench(answer="back") as it:
        async with httpx2.AsyncClient() as http:
            assert (await http.post(f"{it.sim.url}/simulator/outage", json={"seconds": 0.2})).status_code == 200
            await asyncio.sleep(0.1)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", it.sim.port)
        await asyncio.sleep(0.25)
        assert await it.answer() == "back"


async def test_listening_stops_and_starts_at_the_same_port(bench):
    async with bench(answer="back") as it:
        port = it.sim.port
        await it.sim.stop_listening()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await it.sim.start_listening()
        assert it.sim.port == port
        assert await it.answer() == "back"


async def test_a_taken_port_is_named():
    async with Simulator() as first:
        with pytest.raises(OperatorError, match=str(first.port)):
            async with Simulator(port=first.port):
                pass


@pytest.mark.parametrize("scenario", [{"modles": {}}, Scenario(models={"models": Behaviour(answer="{{ broken")})])
def test_an_unsound_scenario_never_starts(scenario):
    with pytest.raises(InvalidInputError, match="models"):
        Simulator(scenario)


async def test_leaving_drops_streams_still_running():
    async with Simulator({"models": {"*": {"faults": [{"kind": "hang"}]}}}) as sim:
        reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]})
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
        )
        await asyncio.sleep(0.05)
        assert sim.stats()["concurrent"] == 1
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    assert sim.stats()["concurrent"] == 0
    writer.close()


async def test_pipelined_requests_are_answered_in_order(bench):
    async with bench() as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.sim.port)
        writer.write(
            b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        text = await asyncio.wait_for(reader.read(-1), 120)
        assert text.index(b'"status":"ok"') < text.index(b'"object":"list"')
        writer.close()


async def test_what_is_not_http_is_refused(bench):
    async with bench() as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.sim.port)
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert b" 400 " in await asyncio.wait_for(reader.read(-1), 120)
        writer.close()


async def test_the_broken_model_of_the_demo_breaks_after_a_few_requests():
    async with Simulator(demo_scenario(seed=1)) as sim, httpx2.AsyncClient(base_url=sim.url) as http:

        async def statuses(model, number):
            body = {"model": model, "messages": [{"role": "user", "content": "x"}]}
            sent = (http.post("/v1/chat/completions", json=body, timeout=120) for _ in range(number))
            return [answer.status_code for answer in await asyncio.gather(*sent)]

        assert await statuses("sim-broken", 5) == [200] * 5
        later = await statuses("sim-broken", 40)
        assert 0.2 < later.count(500) / 40 < 0.6
        assert await statuses("sim-dead", 3) == [500] * 3
        assert await statuses("sim-good", 20) == [200] * 20
        assert await statuses("sim-better", 20) == [200] * 20


def test_the_process_serves_a_file_and_stops_cleanly_on_sigterm(tmp_path):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("models: {m: {answer: from the file}}")
    command = [sys.executable, "-m", "tidegate.simulator", "--port", "0", "--scenario", str(scenario)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            answer = httpx2.post(f"{url}/v1/chat/completions", json=body).json()
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()
    assert answer["choices"][0]["message"]["content"] == "from the file"


def test_a_wrong_scenario_file_ends_the_process_with_its_reason(tmp_path, capsys):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("models: {m: {anwser: x}}")
    assert main(["--scenario", str(scenario)]) == 2
    assert "did you mean 'answer'?" in capsys.readouterr().err
