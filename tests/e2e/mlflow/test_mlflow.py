"""Traces of the whole product in a real sink: an MLflow server takes them by OTLP and tells them by its own client.

``make test-mlflow`` makes its environment; without that the test is skipped.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.cli.running import serving

from tidegate.simulator import Simulator

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".mlflow-venv" / "bin"
SECONDS = 240  # a hang guard: the server loads much
TRACE = "0af7651916cd43dd8448eb211c80319c"
CONFIGURATION = """
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
providers: {{sim: {{dialect: openai, base_url: "{simulator}/v1"}}}}
services: {{bot: {{stable: {{model: sim/kind}}, fallbacks: ["sim/other"]}}}}
telemetry:
  otlp: {{endpoint: "{sink}", headers: {{x-mlflow-experiment-id: "{experiment}"}}, rate: 100%, metrics: false}}
"""
MODELS = {"models": {"kind": {"faults": [{"kind": "error", "status": 503, "after_requests": 1}]}, "other": {}}}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not (BIN / "mlflow").exists(), reason="MLflow is not installed: make test-mlflow installs it"),
]


@pytest.fixture
def mlflow(tmp_path) -> Iterator[str]:
    """Address of a tracking server over SQLite."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [BIN / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", tmp_path / "files"]
    with (tmp_path / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(
            [*map(str, command)],
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        )
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: httpx2.get(f"{url}/health", trust_env=False).status_code == 200)
            yield url
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def until(holds: Any) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if found := holds():
                return found
        except httpx2.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError("it never came about")


def spans_in(url: str, experiment: str) -> list[dict[str, Any]]:
    told = subprocess.run(
        [str(BIN / "python"), str(Path(__file__).with_name("traces_of.py")), url, experiment],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(told.stdout.splitlines()[-1])


async def test_mlflow_tells_the_spans_of_a_request_and_of_its_attempts(tmp_path, mlflow):
    made = httpx2.post(f"{mlflow}/api/2.0/mlflow/experiments/create", json={"name": "gateway"}, trust_env=False)
    experiment = made.json()["experiment_id"]
    async with Simulator(MODELS) as simulator:
        (tmp_path / "tidegate.yaml").write_text(
            CONFIGURATION.format(simulator=simulator.url, sink=mlflow, experiment=experiment)
        )
        with serving("up", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path) as (_, running):
            async with httpx2.AsyncClient(trust_env=False, timeout=60, base_url=running["gateway"]) as http:
                for _ in range(2):  # the second one's first attempt fails
                    answer = await http.post(
                        "/v1/chat/completions",
                        json={"model": "bot", "messages": [{"role": "user", "content": "Hi"}]},
                        headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
                    )
                    assert answer.status_code == 200
    spans = until(lambda: (found := spans_in(mlflow, experiment)) and len(found) >= 5 and found)
    assert {span["trace"] for span in spans} == {f"tr-{TRACE}"}
    requests = [span for span in spans if span["attributes"].get("tidegate.request_id")]
    assert len(requests) == 2
    for request in requests:
        assert request["name"] == "chat bot"
        assert request["attributes"]["gen_ai.operation.name"] == "chat"
        assert int(request["attributes"]["gen_ai.usage.output_tokens"]) > 0
    attempts = [span for span in spans if span["parent"] in {request["id"] for request in requests}]
    assert len(attempts) >= 3
    assert {span["attributes"].get("gen_ai.request.model") for span in attempts} >= {"kind"}
    assert any("ERROR" in span["status"] for span in attempts)
