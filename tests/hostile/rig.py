"""A gateway as it runs in production: a process of its own, serving from a stored snapshot, without control."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import psutil

from tidegate.delivery.snapshot import AccessKey, Provider, ServiceRoute, Snapshot, Timeouts, VariantRoute
from tidegate.gateway.process import GatewaySettings
from tidegate.gateway.stored_snapshot import save_snapshot
from tidegate.wire.insertion import Insertion

KEY = "key-of-the-shop"
QUICK = Timeouts(connect=0.5, first_token=0.5, idle=0.5, total=1.5)
PATIENT = Timeouts(connect=20.0, first_token=60.0, idle=60.0, total=120.0)


def service(name: str, provider: str, model: str, timeouts: Timeouts, *, attempts: int = 1) -> ServiceRoute:
    """A service with stable alone."""
    arm = VariantRoute(
        name="stable",
        version=f"{name}/v1.0.0-aaaaaaaa",
        weight=10_000,
        provider=provider,
        insertion=Insertion(model=model),
        timeouts=timeouts,
        max_attempts=attempts,
    )
    return ServiceRoute(name=name, stable="stable", salt="s", variants=(arm,))


def snapshot(providers: dict[str, tuple[str, str]], services: Sequence[ServiceRoute]) -> Snapshot:
    """What lies on the gateway's disk; ``providers`` maps names to dialect and address."""
    return Snapshot(
        revision=1,
        epoch=1,
        mac_key="ab" * 16,
        keys=(AccessKey(name="shop", sha256=sha256(KEY.encode()).hexdigest()),),
        providers={
            name: Provider(name=name, dialect=dialect, base_url=url)  # type: ignore[arg-type]
            for name, (dialect, url) in providers.items()
        },
        services={route.name: route for route in services},
    )


class Running:
    """A gateway process and its log.

    Attributes:
        port: where it listens.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log
        self._seen = psutil.Process(process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether the very process still runs."""
        return self.process.poll() is None

    @property
    def log(self) -> str:
        """Everything it has said."""
        return self._log.read_text(errors="replace")

    @property
    def resident_bytes(self) -> int:
        """Memory it holds."""
        return int(self._seen.memory_info().rss)

    @property
    def descriptors(self) -> int:
        """Files and sockets it holds."""
        return int(self._seen.num_fds())

    def connect(self, *, receive_buffer: int = 0) -> socket.socket:
        """A new connection, which gives up when all hope is gone."""
        channel = socket.socket()
        if receive_buffer:
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        channel.settimeout(40)
        channel.connect(("127.0.0.1", self.port))
        return channel

    def say(self, data: bytes) -> bytes:
        """Send, and read until the gateway closes."""
        with self.connect() as channel:
            with contextlib.suppress(ConnectionError):
                channel.sendall(data)
            return rest_of(channel)

    def chat(self, text: str = "hi", service: str = "bot", **fields: Any) -> tuple[int, dict[str, Any]]:
        """Status and document of one chat completion."""
        answer = self.say(post(chat_body(text, service, **fields), "connection: close"))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head[9:12]), msgspec.json.decode(body)


def rest_of(channel: socket.socket, seconds: float = 40.0) -> bytes:
    """Everything until the other side closes.

    Raises:
        TimeoutError: it stayed open.
    """
    received = bytearray()
    until = time.monotonic() + seconds
    with contextlib.suppress(ConnectionError):
        while True:
            channel.settimeout(max(0.01, until - time.monotonic()))
            piece = channel.recv(65_536)
            if not piece:
                break
            received += piece
    return bytes(received)


def chat_body(text: str = "hi", service: str = "bot", **fields: Any) -> bytes:
    """A chat request."""
    return msgspec.json.encode({"model": service, "messages": [{"role": "user", "content": text}], **fields})


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions", length: int | None = None) -> bytes:
    """A request with a key and a length."""
    size = len(body) if length is None else length
    lines = ["host: gateway", f"authorization: Bearer {KEY}", f"content-length: {size}", *headers]
    return f"POST {path} HTTP/1.1\r\n{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode() + body


@contextmanager
def running_gateway(
    folder: Path, table: Snapshot, *, descriptors: int = 0, environ: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start ``python -m tidegate.cli.gateway_process``; ``descriptors`` bounds what it may hold open, ``environ`` is
    added to the environment."""
    save_snapshot(folder / "state", table)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    settings = GatewaySettings(
        id="gateway-under-attack",
        folder=str(folder / "state"),
        control_url="http://127.0.0.1:9",
        listen_fd=listener.fileno(),
        drain_seconds=1.0,
    )

    log = folder / "gateway.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidegate.cli.gateway_process"],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            pass_fds=(listener.fileno(),),
            env=os.environ | (environ or {}),
        )
    most = descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, most))
    port = listener.getsockname()[1]
    listener.close()
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(settings))
    process.stdin.close()
    try:
        gateway = Running(process, port, log)
        wait_for(lambda: b"200 OK" in gateway.say(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
        yield gateway
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_simulator(folder: Path, models: dict[str, Any]) -> Iterator[str]:
    """A simulated upstream in a process of its own; gives its address."""
    scenario = folder / "scenario.json"
    scenario.write_bytes(msgspec.json.encode({"models": models}))
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate.simulator", "--scenario", str(scenario), "--port", "0"],
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().split()[-1]
    finally:
        process.terminate()
        process.wait(120)
        process.stdout.close()


def wait_for(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until something is so."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"it did not come about in {seconds} s"
        time.sleep(0.02)


class ScriptedUpstream:
    """Answers every connection's first request with the same bytes, in the same pieces, and closes.

    Attributes:
        pieces: what is sent; change it between requests.
        requests: how many came.
    """

    def __init__(self) -> None:
        self.pieces: Sequence[bytes] = ()
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            with channel, contextlib.suppress(OSError):
                channel.settimeout(5)
                channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._has_request(channel):
                    self.requests += 1
                    for piece in self.pieces:
                        channel.sendall(piece)
                    channel.shutdown(socket.SHUT_WR)
                    channel.settimeout(0.2)
                    channel.recv(1)

    @staticmethod
    def _has_request(channel: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = channel.recv(65_536)
            if not piece:
                return False
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
        while len(body) < length:
            body += channel.recv(65_536)
        return True
