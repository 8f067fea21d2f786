"""Control as a process of its own, alone and with a real gateway in front of a simulated provider."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx2
import pytest

from tidegate.cli.control_process import serve_control
from tidegate.cli.control_settings import ControlProcessSettings, decode_control_settings, encode_control_settings
from tidegate.cli.supervisor import open_listener, until_ready
from tidegate.cli.up import installed
from tidegate.client import AsyncClient
from tidegate.config import Address, parse_settings
from tidegate.errors import InvalidInputError, OperatorError
from tidegate.simulator import Simulator

CONFIGURATION = """
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
providers:
  sim: {dialect: openai, base_url: "http://127.0.0.1:%d/v1", api_key: "sk-literal", prices: {"*": {input: 0.1, output: 1}}}
services:
  bot:
    stable: {model: sim/good, prompt: {system: "You help."}, generation: {temperature: 0.2}}
    timeouts: {connect: 2s}
"""
FAST = {"strategy": {"direct": {"promote": {"bake": "200ms"}}}, "probe": {"requests": 2}}


def settings_of(folder, port=1, text=CONFIGURATION):
    return parse_settings(text % port, source="tidegate.yaml", environ={}, folder=folder)


def test_settings_survive_the_way_to_the_child(tmp_path):
    given = ControlProcessSettings(settings=settings_of(tmp_path), listen_fd=7)
    assert decode_control_settings(encode_control_settings(given)) == given


@asynccontextmanager
async def served(settings):
    """Control in this process; its address."""
    listener, stop = open_listener(Address("127.0.0.1", 0), what="control"), asyncio.Event()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    task = asyncio.create_task(serve_control(settings, listener, stop))

    async def is_over():
        return task.done()

    try:
        async with asyncio.timeout(60):
            await until_ready(f"{url}/readyz", is_over)
        yield url
    finally:
        stop.set()
        await task
        listener.close()


async def test_a_start_applies_the_file_and_the_next_one_changes_nothing(tmp_path):
    async with served(settings_of(tmp_path)) as url, AsyncClient(url) as client:
        first = await client.status("bot")
        rows = (await client.audit()).items
    async with served(settings_of(tmp_path)) as url, AsyncClient(url) as client:
        assert await client.status("bot") == first
        assert (await client.audit()).items == rows
    assert first.stable.startswith("bot/v1.0.0-")


async def test_judges_of_the_file_are_declared(tmp_path):
    text = CONFIGURATION + "judges: {kind: {service: bot, rubric: Is it kind?, sample: 0.2, budget: 5 USD/day}}\n"
    async with served(settings_of(tmp_path, text=text)) as url, AsyncClient(url) as client:
        (judge,) = (await client.judges()).items
    assert (judge.name, judge.spec["sample"], judge.spec["budget"]) == ("kind", 0.2, "5 USD/day")


async def test_a_file_that_declares_nonsense_does_not_start(tmp_path):
    settings = settings_of(tmp_path, text=CONFIGURATION.replace("sim/good", "good"))
    with open_listener(Address("127.0.0.1", 0), what="control") as listener, pytest.raises(InvalidInputError) as error:
        await serve_control(settings, listener, asyncio.Event())
    assert error.value.where == "configuration: services.bot.stable.model"


async def test_what_no_restart_could_help_ends_the_installation_at_once(tmp_path, capfd):
    settings = settings_of(tmp_path, text=CONFIGURATION.replace("sim/good", "good"))
    with pytest.raises(OperatorError, match="cannot be applied"):
        async with installed(settings, os.environ):
            pytest.fail("it serves what cannot be")
    said = capfd.readouterr()
    assert "configuration.refused" in said.out + said.err
    assert "services.bot.stable.model" in said.out + said.err
    assert "Traceback" not in said.out + said.err


async def test_open_streams_do_not_hold_up_a_stop(tmp_path):
    async with httpx2.AsyncClient(trust_env=False) as http:
        async with served(settings_of(tmp_path)) as url, AsyncClient(url) as client:
            await client.push({"model": "sim/good", "card": "x"}, service="bot", version="v2.0.0")
            release = await client.release("bot", "v2.0.0")
            streams = [
                await http.send(http.build_request("GET", f"{url}{path}"), stream=True)
                for path in (f"/api/v1/releases/{release.id}/events", "/link/v1/snapshots?gateway=g&boot=b")
            ]
            pieces = [stream.aiter_raw() for stream in streams]
            for each in pieces:
                assert await anext(each)
        for stream, each in zip(streams, pieces, strict=True):
            async for _ in each:  # to its proper end: uvicorn, tired of waiting, would break it off
                pass
            await stream.aclose()


async def test_a_told_child_ends_cleanly(tmp_path):
    listener = open_listener(Address("127.0.0.1", 0), what="control")
    given = encode_control_settings(ControlProcessSettings(settings=settings_of(tmp_path), listen_fd=listener.fileno()))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tidegate.cli.control_process",
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(listener.fileno(),),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    child.stdin.write(given)
    child.stdin.close()
    reading = asyncio.create_task(child.stderr.read())
    async with asyncio.timeout(120):
        await until_ready(f"http://127.0.0.1:{listener.getsockname()[1]}/readyz")
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
    listener.close()
    logs = (await reading).decode()
    assert "control.stopped" in logs
    assert "sk-literal" not in logs
    assert "Traceback" not in logs


async def test_a_version_is_released_through_a_real_gateway_and_a_broken_one_is_not(tmp_path):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TIDEGATE_LOG_LEVEL": "error"}
    scenario = {
        "models": {
            "good": {"answer": "Good day."},
            "better": {"answer": "Better day."},
            "broken": {"faults": [{"kind": "error", "status": 500}]},
        }
    }
    with (tmp_path / "logs").open("wb") as logs:
        async with (
            Simulator(scenario) as sim,
            installed(settings_of(tmp_path, sim.port), environ, output=logs.fileno(), drain_seconds=1.0) as running,
            AsyncClient(running.control_url) as client,
            httpx2.AsyncClient(base_url=running.gateway_url, trust_env=False) as users,
        ):

            async def ask():
                body = {"model": "bot", "messages": [{"role": "user", "content": "hello"}]}
                answer = await users.post("/v1/chat/completions", json=body)
                return answer.json()["choices"][0]["message"]["content"], answer.headers["x-tidegate-version"]

            first = (await client.status("bot")).stable
            assert await ask() == ("Good day.", first)

            better = await client.push({"model": "sim/better"}, service="bot")
            released = await client.release("bot", better.ref, spec=FAST)
            waited = await client.wait(released.id, timeout=120)
            assert waited.outcome == "promoted", waited
            assert await ask() == ("Better day.", better.ref)

            broken = await client.push({"model": "sim/broken"}, service="bot")
            rejected = await client.release("bot", broken.ref, spec=FAST)
            waited = await client.wait(rejected.id, timeout=120)
            assert (waited.exit_code, waited.release.phase) == (3, "rejected")
            assert waited.release.exposed_requests == 0
            assert await ask() == ("Better day.", better.ref)
            status = await client.status("bot")
            assert (status.stable, status.previous_stable) == (better.ref, first)

            (gateway,) = (await client.gateways()).items
            assert (gateway.is_live, gateway.is_current) == (True, True)
            async with asyncio.timeout(120):
                while not (served_requests := (await client.requests(service="bot", release=released.id)).items):
                    await asyncio.sleep(0.1)
            assert {each.outcome for each in served_requests} == {"ok"}
    assert b"sk-literal" not in (tmp_path / "logs").read_bytes()


def test_the_traceback_of_a_fault_is_logged_without_what_its_variables_held():
    script = (
        "from tidegate.cli.logs import configure_logs; import structlog; configure_logs()\n"
        "def fail(key):\n    raise RuntimeError('it broke')\n"
        "try:\n    fail('tg_' + 'secret')\n"
        "except RuntimeError as error:\n    structlog.get_logger('x').error('failed', exc_info=error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "it broke" in done.stderr
    assert "tg_secret" not in done.stderr
