"""What the real server of llama.cpp does with a streamed answer when the next request comes."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.e2e.real_model.conftest import EXAMPLE, free_ports

from tidegate.wire.relay_chat import ChatRelay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

QUESTION = {"model": "tiny", "messages": [{"role": "user", "content": "Hello!"}]}
ENDLESS = {**QUESTION, "stream": True, "max_tokens": 2000, "logit_bias": {"4": -100}}  # token 4 would end it
READY_SECONDS = 60


@pytest.fixture(scope="module")
def archive(llama_python, trained, tmp_path_factory) -> Path:
    """A converted bundle as `tidegate export` packs it."""
    folder = tmp_path_factory.mktemp("llama_cpp")
    bundle = shutil.copytree(trained, folder / "bundle")
    subprocess.run([llama_python, EXAMPLE / "convert.py", bundle], check=True, capture_output=True)
    with tarfile.open(folder / "tiny-v1.tar", "w") as tar:
        tar.add(bundle, "bundle")
    return folder / "tiny-v1.tar"


@contextmanager
def running(*command: str | Path) -> Iterator[int]:
    """The port of a server, which is up."""
    (port,) = free_ports(1)
    process = subprocess.Popen([*command, "--port", port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_up(int(port), process)
        yield int(port)
    finally:
        process.kill()
        process.wait()


def wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            assert httpx2.get(f"http://127.0.0.1:{port}/v1/models").status_code == 200
        except httpx2.ConnectError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server never came up")


def overlapping(port: int) -> tuple[ChatRelay, str]:
    """An endless stream as the gateway follows it, and the finish reason of a request that came meanwhile."""
    relay, is_cut = ChatRelay(), False
    with ThreadPoolExecutor(1) as pool, httpx2.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=100) as client:
        with client.stream("POST", "chat/completions", json=ENDLESS) as stream:
            pieces = stream.iter_raw()
            relay.feed(next(pieces))
            other = pool.submit(client.post, "chat/completions", json=QUESTION)
            try:
                for piece in pieces:
                    relay.feed(piece)
            except httpx2.RemoteProtocolError:
                is_cut = True
        relay.end(is_cut=is_cut)
        return relay, other.result().json()["choices"][0]["finish_reason"]


def test_as_the_example_starts_it_requests_wait_for_each_other(llama_python, archive):
    with running(llama_python, EXAMPLE / "serve.py", archive) as port:
        relay, other = overlapping(port)
    assert (relay.is_complete, relay.finish_reason) == (True, "length")
    assert other == "stop"


def test_by_default_it_drops_an_answer_for_the_next_which_is_a_truncation(llama_python, archive):
    weights = archive.parent / "bundle" / "weights" / "model.gguf"
    server = [llama_python, "-m", "llama_cpp.server", "--model", weights, "--host", "127.0.0.1"]
    with running(*server) as port:
        relay, other = overlapping(port)
    assert relay.has_content
    assert (relay.is_complete, relay.finish_reason) == (False, "")
    assert other == "stop"
