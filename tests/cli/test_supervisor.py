from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import psutil
import pytest

from tidegate.cli.supervisor import ChildSpec, Supervisor, open_listener, until_ready
from tidegate.config import Address
from tidegate.errors import OperatorError

CHILD = """
import json, os, signal, socket, sys, time
from tidegate.cli.child import become_child
become_child()
settings = json.load(sys.stdin)
with open(settings["log"], "a") as log:
    print("start", settings["name"], os.getpid(), file=log)
def stop(*_):
    if settings.get("stubborn"):
        return
    with open(settings["log"], "a") as log:
        print("stop", settings["name"], os.getpid(), file=log)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
listener = socket.socket(fileno=settings["fd"])
listener.setblocking(True)
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
    connection.close()
"""


@asynccontextmanager
async def children(tmp_path, *specs, output=None):
    (tmp_path / "a_child.py").write_text(CHILD)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    supervisor = Supervisor(specs, environ, output)
    supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.stop()


def child(tmp_path, listener, name="one", **more) -> ChildSpec:
    import json

    settings = {"name": name, "log": str(tmp_path / "log"), "fd": listener.fileno(), **more.pop("settings", {})}
    return ChildSpec(name, "a_child", json.dumps(settings).encode(), descriptors=(listener.fileno(),), **more)


def lines(tmp_path) -> list[list[str]]:
    return [line.split() for line in (tmp_path / "log").read_text().splitlines()]


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.fixture
def listener():
    made = open_listener(Address("127.0.0.1", 0), what="gateway")
    yield made
    made.close()


async def test_a_killed_child_comes_back_and_no_waiting_connection_is_lost(tmp_path, listener):
    async with children(tmp_path, child(tmp_path, listener)) as supervisor:
        await asyncio.wait_for(until_ready(url_of(listener)), 120)
        first = supervisor.pid("one")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await asyncio.wait_for(until_ready(url_of(listener)), 120)  # a refused connection would fail the first try
        assert supervisor.pid("one") not in {None, first}
    assert [line[0] for line in lines(tmp_path)] == ["start", "start", "stop"]


async def test_children_stop_in_the_order_of_their_ranks(tmp_path, listener):
    specs = (child(tmp_path, listener, "control", stop_rank=1), child(tmp_path, listener, "gateway", stop_rank=0))
    async with children(tmp_path, *specs):
        for _ in range(400):
            if (tmp_path / "log").exists() and len(lines(tmp_path)) == 2:
                break
            await asyncio.sleep(0.05)
    assert [line[:2] for line in lines(tmp_path)[2:]] == [["stop", "gateway"], ["stop", "control"]]


async def test_a_child_that_will_not_stop_is_killed(tmp_path, listener):
    spec = child(tmp_path, listener, grace_seconds=0.2, settings={"stubborn": True})
    async with children(tmp_path, spec) as supervisor:
        await asyncio.wait_for(until_ready(url_of(listener)), 120)
        pid = supervisor.pid("one")
    assert not psutil.pid_exists(pid)


async def test_children_die_with_their_supervisor(tmp_path, listener):
    (tmp_path / "a_child.py").write_text(CHILD)
    parent = f"""
import asyncio, os, sys
from tidegate.cli.supervisor import ChildSpec, Supervisor
spec = ChildSpec("one", "a_child", {child(tmp_path, listener).settings!r}, descriptors=({listener.fileno()},))
async def main():
    supervisor = Supervisor([spec], os.environ)
    supervisor.start()
    await asyncio.sleep(3600)
asyncio.run(main())
"""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", parent], env=environ, pass_fds=[listener.fileno()])
    try:
        await asyncio.wait_for(until_ready(url_of(listener)), 120)
        pid = int(lines(tmp_path)[0][2])
    finally:
        process.kill()
        process.wait()
    for _ in range(200):
        if not psutil.pid_exists(pid):
            break
        await asyncio.sleep(0.05)
    assert not psutil.pid_exists(pid)


def test_a_taken_port_is_told_with_the_way_out(listener):
    port = listener.getsockname()[1]
    with pytest.raises(OperatorError, match=f"the gateway cannot listen on 127.0.0.1:{port}: Address already in use"):
        open_listener(Address("127.0.0.1", port), what="gateway")


async def test_waiting_for_readiness_ends_when_the_waiter_gives_up():
    tries = []

    async def is_over() -> bool:
        tries.append(1)
        return len(tries) == 3

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        await asyncio.wait_for(until_ready(f"http://127.0.0.1:{nobody.getsockname()[1]}/", is_over), 120)
    assert len(tries) == 3


READY = CHILD.replace(
    "listener.setblocking(True)\n",
    'listener.setblocking(True)\nfrom tidegate.cli.child import readiness\nif settings.get("late"): sys.exit(3)\n'
    'if not settings.get("mute") and (announce := readiness(sys.argv)): announce()\n',
)


@asynccontextmanager
async def replaceable(tmp_path, listener):
    (tmp_path / "b_child.py").write_text(READY)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    spec = child(tmp_path, listener)._replace(module="b_child")
    supervisor = Supervisor([spec], environ)
    supervisor.start()
    try:
        await asyncio.wait_for(until_ready(url_of(listener)), 120)
        yield supervisor, spec
    finally:
        await supervisor.stop()


async def test_a_replacement_is_ready_before_the_one_before_is_stopped(tmp_path, listener):
    async with replaceable(tmp_path, listener) as (supervisor, spec):
        first = supervisor.pid("one")
        await supervisor.replace(spec)
        second = supervisor.pid("one")
        assert second not in {None, first}
        os.kill(second, signal.SIGKILL)  # it is watched like any child
        await asyncio.wait_for(until_ready(url_of(listener)), 120)
        assert supervisor.pid("one") not in {None, second}
    assert [line[0] for line in lines(tmp_path)[:2]] == ["start", "start"]
    assert ["stop", "one", str(first)] in lines(tmp_path)


@pytest.mark.parametrize(("fault", "told"), [("late", "ended with 3"), ("mute", "was not ready within 1.5 s")])
async def test_a_replacement_that_does_not_get_ready_changes_nothing(tmp_path, listener, fault, told):
    async with replaceable(tmp_path, listener) as (supervisor, _):
        first = supervisor.pid("one")
        broken = child(tmp_path, listener, settings={fault: True})._replace(module="b_child")
        with pytest.raises(OperatorError, match=f"a new one {told}; the one before goes on serving"):
            await supervisor.replace(broken, ready_seconds=1.5 if fault == "mute" else 20)
        assert supervisor.pid("one") == first
        started = {int(line[2]) for line in lines(tmp_path) if line[0] == "start"}
        assert {pid for pid in started if psutil.pid_exists(pid) and pid != first} <= {supervisor.pid("one")}


async def test_a_removed_child_ends_and_does_not_come_back(tmp_path, listener):
    async with replaceable(tmp_path, listener) as (supervisor, _):
        pid = supervisor.pid("one")
        await supervisor.remove("one")
        assert supervisor.pid("one") is None
        for _ in range(400):
            if not psutil.pid_exists(pid):
                break
            await asyncio.sleep(0.05)
        assert not psutil.pid_exists(pid)
    assert [line[0] for line in lines(tmp_path)] == ["start", "stop"]
