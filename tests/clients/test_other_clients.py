"""Clients that live in environments of their own, each as one process with its checks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.clients.gateway_stack import gateway_stack
from tests.e2e.clients.services import ANSWER, KEY, SYSTEM

HERE = Path(__file__).parent
NODE = "node"
SCRATCH_PYTHON = str(HERE / ".venv" / "bin" / "python")
CLIENTS = {
    "openai_node.mjs": (NODE, 39),
    "anthropic_node.mjs": (NODE, 36),
    "vercel_ai.mjs": (NODE, 77),
    "langchain_client.py": (SCRATCH_PYTHON, 58),
}
INSTALLED = (HERE / "node_modules" / "openai", HERE / ".venv")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not all(path.exists() for path in INSTALLED), reason="`make test-clients` installs the clients"),
]


@pytest.mark.parametrize("script", CLIENTS)
def test_every_check_of(script: str, tmp_path: Path, record_property: Callable[[str, object], None]):
    interpreter, expected = CLIENTS[script]
    with gateway_stack(tmp_path) as stack:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GATEWAY_URL": stack.url,
            "GATEWAY_KEY": KEY,
            "SIMULATOR_URL": stack.simulator.url,
            "EXPECTED_ANSWER": ANSWER,
            "EXPECTED_SYSTEM": SYSTEM,
        }
        done = subprocess.run(
            [interpreter, str(HERE / script)], env=environ, capture_output=True, text=True, timeout=300, check=False
        )
    checks, client = [], {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if "client" in told:
            client = told
        else:
            checks.append(client | told)
            record_property("check", json.dumps(client | told))
    failed = [check for check in checks if check["error"]]
    assert not failed, "\n\n".join("{client}, {feature}, {upstream}: {error}".format(**check) for check in failed)
    assert done.returncode == 0, done.stderr
    assert len(checks) == expected  # a check that silently went missing is a failure
